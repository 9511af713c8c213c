#!/usr/bin/env node
// Plain old JavaScript: it must run far enough on any Node to say which one is needed.
"use strict";

var needed = [22, 19];
var parts = process.versions.node.split(".");
var major = Number(parts[0]);
var minor = Number(parts[1]);
if (major < needed[0] || (major === needed[0] && minor < needed[1])) {
  process.stderr.write(
    "traceload: needs Node " +
      needed.join(".") +
      " or later, and this is Node " +
      process.versions.node +
      "\n" +
      "  next: npx traceload … in a folder where traceload is installed brings its own Node,\n" +
      "        or install a current one from https://nodejs.org\n",
  );
  process.exit(3);
}

// Memory of a long run: without these two, V8 lets garbage pile up to 300 MiB beside the 30 that are in use.
// How large the young generation may grow is fixed when Node starts, so Node starts again, in this very process.
// Where it cannot (Windows, Node before 22.15), the command only takes more memory.
var young = "--max-semi-space-size=16";
if (process.execve && process.execArgv.indexOf(young) === -1) {
  var command = [process.execPath].concat(process.execArgv, young, process.argv.slice(1));
  process.execve(process.execPath, command);
}
require("v8").setFlagsFromString("--heap-growing-percent=60");

// Half of a short command's time is compiling its libraries, the same each time.
var enableCompileCache = require("module").enableCompileCache;
if (enableCompileCache) enableCompileCache();

import("../../dist/src/cli/main.js").then(
  function (main) {
    return main.main();
  },
  function (error) {
    var missing = error && error.code === "ERR_MODULE_NOT_FOUND";
    process.stderr.write(
      missing
        ? "traceload: it has not been built yet: " + error.message + "\n  next: npm run build\n"
        : String((error && error.stack) || error) + "\n",
    );
    process.exit(5);
  },
);
