/**
 * A program: builds the template of the embedded store's data directory. Part of building the package, after the
 * compiler: `node dist/src/store/pglite/build-template.js`. Another target may be named as its argument.
 */
import { join } from "node:path";
import { buildTemplate, TEMPLATE_FILE } from "./template.ts";

const target = process.argv[2] ?? join(import.meta.dirname, "../../..", TEMPLATE_FILE);
await buildTemplate(target);
