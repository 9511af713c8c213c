/** A Postgres URL is read as pg reads it, and named without what is secret in it. */
import { describe, expect, test } from "vitest";
import { postgresAddress } from "../../src/store/postgres/address.ts";
import { parseStoreUrl } from "../../src/wire/store-connection.ts";

const SECRET = "hunter2";

describe("a Postgres URL", () => {
  test.each([
    [
      `postgres://ada:${SECRET}@db.example:6543/traces?sslmode=no-verify`,
      "postgres://db.example:6543/traces",
    ],
    [`postgresql://ada:${SECRET}@db.example/traces`, "postgres://db.example:5432/traces"],
    [`postgres://ada:${SECRET}@[::1]:5432/traces`, "postgres://[::1]:5432/traces"],
    [
      `postgres:///traces?host=/var/run/postgresql&user=ada&password=${SECRET}`,
      "postgres:///var/run/postgresql port 5432/traces",
    ],
    [`postgres://db.example/traces?user=ada&password=${SECRET}`, "postgres://db.example:5432/traces"],
  ])("%s is named without credentials", (url, name) => {
    expect(parseStoreUrl(url)).toEqual({ kind: "postgres", url });
    expect(postgresAddress(url).name).toBe(name);
  });

  test("keeps the options it holds, and they come after ours", () => {
    const { config } = postgresAddress("postgres://db.example/traces?options=-c%20work_mem%3D8MB");
    expect(new URL(config.connectionString ?? "").searchParams.get("options")).toBe(
      "-c search_path=bullmq -c statement_timeout=30000 -c work_mem=8MB",
    );
  });

  test("whose password breaks it is refused, with how to write it and none of it", () => {
    const parse = () => parseStoreUrl(`postgres://ada:${SECRET}#@db.example/traces`);
    expect(parse).toThrow(
      expect.objectContaining({ code: "config_invalid", next: expect.stringContaining("%23") }),
    );
    expect(parse).not.toThrow(SECRET);
  });

  test("whose certificate is not there is refused, and the file is named", () => {
    const read = () =>
      postgresAddress(
        `postgres://ada:${SECRET}@db.example/traces?sslmode=verify-full&sslrootcert=/nowhere/ca.pem`,
      );
    expect(read).toThrow(
      expect.objectContaining({
        code: "config_invalid",
        message: expect.stringContaining("/nowhere/ca.pem"),
      }),
    );
    expect(read).not.toThrow(SECRET);
  });
});
