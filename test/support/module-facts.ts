/** What a module's text says about itself: what it imports, where it touches the process, what it does when imported. */
import { parseAst } from "vitest/node";

export interface ModuleImport {
  /** As written: `./row.ts`, `node:fs`, `bullmq`. */
  specifier: string;
  /** Gone after compilation: `import type`, or every name marked `type`. */
  typeOnly: boolean;
}

export interface ModuleFacts {
  imports: ModuleImport[];
  /** Times that `process.env` stands in it. */
  environmentReads: number;
  /** Times that `process.exit` stands in it. */
  exits: number;
  /** What happens when the module is imported, in a few words each. */
  effects: string[];
}

interface Node {
  type: string;
  [key: string]: unknown;
}

/** Statements that only say what there is. */
const DECLARATIONS = new Set([
  "ImportDeclaration",
  "ExportAllDeclaration",
  "FunctionDeclaration",
  "TSInterfaceDeclaration",
  "TSTypeAliasDeclaration",
  "TSDeclareFunction",
  "EmptyStatement",
]);
const FUNCTIONS = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);
/** Modules whose functions reach outside, and classes that connect when they are made. */
const REACHING = new Set(
  "fs,fs/promises,net,http,https,tls,dgram,dns,child_process,worker_threads,process,timers,timers/promises"
    .split(",")
    .map((name) => `node:${name}`)
    .concat("ioredis", "bullmq", "undici", "pg", "@electric-sql/pglite", "pino", "yargs"),
);
const REACHING_GLOBALS = new Set([
  "process",
  "console",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "fetch",
]);

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

function nodesIn(value: unknown): Node[] {
  if (Array.isArray(value)) return value.filter(isNode);
  return isNode(value) ? [value] : [];
}

function* within(node: Node, enter: (node: Node) => boolean = () => true): Generator<Node> {
  yield node;
  if (!enter(node)) return;
  for (const value of Object.values(node)) for (const child of nodesIn(value)) yield* within(child, enter);
}

function nameOf(value: unknown): string {
  if (!isNode(value)) return "";
  if (value.type === "Identifier") return String(value["name"]);
  if (value.type === "Literal") return String(value["value"]);
  return "";
}

/** `text` is TypeScript. Throws where it cannot be parsed. */
export function moduleFacts(text: string): ModuleFacts {
  const program: unknown = parseAst(text, { lang: "ts" });
  if (!isNode(program)) throw new Error("the text is no module");
  const all = [...within(program)];
  const touches = (property: string) =>
    all.filter(
      (node) =>
        node.type === "MemberExpression" &&
        nameOf(node["object"]) === "process" &&
        nameOf(node["property"]) === property,
    ).length +
    all.filter(
      (node) =>
        node.type === "ImportDeclaration" &&
        nameOf(node["source"]) === "node:process" &&
        nodesIn(node["specifiers"]).some((one) => nameOf(one["imported"]) === property),
    ).length;
  return {
    imports: all.flatMap(importIn),
    environmentReads: touches("env"),
    exits: touches("exit"),
    effects: effectsOf(nodesIn(program["body"])),
  };
}

function importIn(node: Node): ModuleImport[] {
  const specifier = nameOf(node["source"]);
  switch (node.type) {
    case "ImportDeclaration": {
      const names = nodesIn(node["specifiers"]);
      const marked = names.length > 0 && names.every((name) => name["importKind"] === "type");
      return [{ specifier, typeOnly: node["importKind"] === "type" || marked }];
    }
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration":
      return specifier === "" ? [] : [{ specifier, typeOnly: node["exportKind"] === "type" }];
    case "ImportExpression":
      return [{ specifier, typeOnly: false }];
    case "TSImportType":
      return [{ specifier, typeOnly: true }];
    default:
      return [];
  }
}

function effectsOf(body: readonly Node[]): string[] {
  const reaching = new Set([...REACHING_GLOBALS, ...body.flatMap(namesThatReach)]);
  return body.flatMap((statement) => {
    const exported = nodesIn(statement["declaration"])[0];
    const inner = exported ?? statement;
    if (DECLARATIONS.has(inner.type) || inner.type.startsWith("TS")) return [];
    if (inner.type === "ExportNamedDeclaration") return [];
    if (inner.type === "VariableDeclaration" || inner.type === "ClassDeclaration") {
      return evaluated(inner).flatMap((node) => effectIn(node, reaching));
    }
    if (statement.type === "ExportDefaultDeclaration")
      return evaluated(inner).flatMap((node) => effectIn(node, reaching));
    return [`a statement that does something (${inner.type})`];
  });
}

function namesThatReach(statement: Node): string[] {
  if (statement.type !== "ImportDeclaration" || !REACHING.has(nameOf(statement["source"]))) return [];
  return nodesIn(statement["specifiers"]).map((one) => nameOf(one["local"]));
}

/** What runs when the declaration does: everything outside the bodies of functions, methods and instance fields. */
function evaluated(declaration: Node): Node[] {
  const runs = (node: Node) => {
    if (FUNCTIONS.has(node.type)) return false;
    return node.type !== "PropertyDefinition" || node["static"] === true;
  };
  return [...within(declaration, runs)];
}

function effectIn(node: Node, reaching: ReadonlySet<string>): string[] {
  if (node.type === "AwaitExpression") return ["an await"];
  if (node.type === "StaticBlock") return ["a static block"];
  if (node.type !== "CallExpression" && node.type !== "NewExpression") return [];
  let callee: unknown = node["callee"];
  while (isNode(callee) && callee.type === "MemberExpression") callee = callee["object"];
  const name = nameOf(callee);
  if (!reaching.has(name)) return [];
  return [node.type === "NewExpression" ? `new ${name}` : `a call of ${name}`];
}
