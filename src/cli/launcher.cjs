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

// Small young generations keep a long run's memory small; they must be set before the heap has grown.
require("v8").setFlagsFromString("--max-semi-space-size=4");

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
