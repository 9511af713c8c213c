/** A command's session: its settings, and the signals that end it. */
import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { globalArguments, hasPassword, withoutPassword } from "../../src/wire/command-flags.ts";
import { openSession } from "../../src/cli/session.ts";
import { typedNext } from "../../src/cli/typed-next.ts";

class Exited extends Error {}

/** As much of a process as a session uses. */
function fakeProcess() {
  const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
  const exits: number[] = [];
  const process = Object.assign(new EventEmitter(), streams, {
    exit: (code: number) => {
      exits.push(code);
      throw new Exited();
    },
  });
  return { process: process as unknown as NodeJS.Process, exits, streams };
}

function open(argv: Record<string, unknown> = {}, environment: Record<string, string> = {}) {
  const fake = fakeProcess();
  const session = openSession({ argv, arguments: [], environment, process: fake.process });
  return { ...fake, session };
}

describe("signals", () => {
  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("the first %s asks to stop, the second leaves with %i", (name, code) => {
    const { process, session, exits } = open();
    expect([session.signal.aborted, session.received()]).toEqual([false, undefined]);
    process.emit(name);
    expect([session.signal.aborted, session.received()]).toEqual([true, name]);
    expect(exits).toEqual([]);
    expect(() => process.emit(name)).toThrow(Exited);
    expect(exits).toEqual([code]);
  });

  test("the second may be another one than the first", () => {
    const { process, exits } = open();
    process.emit("SIGINT");
    expect(() => process.emit("SIGTERM")).toThrow(Exited);
    expect(exits).toEqual([143]);
  });
});

describe("faults that do not end a command", () => {
  test("are logged by their message, never with what else a driver's error holds", () => {
    const { session, streams } = open({ "log-level": "info" });
    const error = Object.assign(new Error("connect refused"), {
      code: "ECONNREFUSED",
      options: { password: "hunter2" },
    });
    session.onFault(error);
    const logged = String(streams.stderr.read());
    expect(logged).toContain("ECONNREFUSED: connect refused");
    expect(logged).not.toContain("hunter2");
  });

  test("are not logged by default, nor when all shall be quiet", () => {
    const { session, streams } = open();
    session.onFault(new Error("lost"));
    expect(streams.stderr.read()).toBeNull();
    const quiet = open({ quiet: true, "log-level": "trace" });
    quiet.session.onFault(new Error("lost"));
    expect(quiet.streams.stderr.read()).toBeNull();
  });
});

describe("a store's address", () => {
  test("is repeated in later commands if it was typed, unless it holds a password", () => {
    expect(globalArguments(open({ store: "redis://h:1" }).session)).toEqual(["--store", "redis://h:1"]);
    expect(globalArguments(open({ store: "redis://u:secret@h:1" }).session)).toEqual([]);
    expect(globalArguments(open({}, { TRACELOAD_STORE: "redis://h:1" }).session)).toEqual([]);
  });

  test("is shown without its password", () => {
    expect(withoutPassword("redis://u:secret@h:1/0")).toBe("redis://h:1/0");
    expect(withoutPassword("pglite:.traceload")).toBe("pglite:.traceload");
    expect([hasPassword("redis://:secret@h"), hasPassword("redis://h"), hasPassword("nothing")]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

test.each([
  ["traceload status r1", "npx traceload status r1 --store redis://h:6379"],
  [
    "traceload resume r1 --accept-changed-source    goes on by the rows' IDs\nor import the file",
    "npx traceload resume r1 --accept-changed-source --store redis://h:6379    goes on by the rows' IDs\nor import the file",
  ],
  ["traceload import --help", "npx traceload import --help"],
  ["traceload worker --store postgres://h/d", "npx traceload worker --store postgres://h/d"],
  ["name the store with traceload status", "name the store with traceload status"],
])("what to type next has the store that was typed: %j", (next, typed) => {
  const { session } = open({ store: "redis://h:6379" });
  expect(typedNext(next, "npx traceload", session)).toBe(typed);
  expect(typedNext(next, "traceload", undefined)).toBe(next);
});
