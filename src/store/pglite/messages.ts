/** Between `pg`'s conventions and the wire: parameters as `pg` would send them, results as `pg` would read them. */
import { protocol } from "@electric-sql/pglite";
import { types } from "pg";
import type { SqlResult } from "../sql/connection.ts";

type Param = string | ArrayBufferView | null;

export interface Notification {
  channel: string;
  payload: string;
  processId: number;
}

export interface Reply {
  result: SqlResult;
  error: Error | undefined;
  /** The session has ended with this reply (severity FATAL or PANIC); nothing may be sent to it any more. */
  sessionOver: boolean;
  notifications: Notification[];
  /** Whether the session stands in a transaction that was begun explicitly (`E`: in one that failed). */
  transaction: "none" | "open" | "failed";
}

/** A whole request: one round, up to and including Sync. Without parameters several statements may stand in `text`. */
export function encodeQuery(
  text: string,
  params: readonly unknown[],
  statement: { name: string; parsed: boolean },
): Uint8Array {
  const { serialize } = protocol;
  if (params.length === 0) return serialize.query(text);
  const parts = [
    serialize.bind({ statement: statement.name, values: params.map((value) => encodeParam(value)) }),
    serialize.describe({ type: "P" }),
    serialize.execute(),
    serialize.sync(),
  ];
  if (!statement.parsed) parts.unshift(serialize.parse({ name: statement.name, text }));
  return Buffer.concat(parts);
}

/** Reads all that came back for one request. Of several statements, the last one's rows are the result. */
export function decodeReply(chunks: readonly Uint8Array[]): Reply {
  const reply: Reply = {
    result: { rows: [], rowCount: null },
    error: undefined,
    sessionOver: false,
    notifications: [],
    transaction: "none",
  };
  let columns: { name: string; read: (value: string) => unknown }[] = [];
  let rows: Record<string, unknown>[] = [];
  const bytes = Buffer.concat(chunks);
  new protocol.Parser().parse(bytes, (message) => {
    if (message instanceof protocol.messages.RowDescriptionMessage) {
      columns = message.fields.map(({ name, dataTypeID }) => ({
        name,
        read: types.getTypeParser(dataTypeID, "text") as (value: string) => unknown,
      }));
    } else if (message instanceof protocol.messages.DataRowMessage) {
      const row: Record<string, unknown> = {};
      for (const [index, { name, read }] of columns.entries()) {
        const value = message.fields[index];
        row[name] = value === null || value === undefined ? null : read(value);
      }
      rows.push(row);
    } else if (message instanceof protocol.messages.CommandCompleteMessage) {
      const count = /\d+$/.exec(message.text)?.[0];
      reply.result = { rows, rowCount: count === undefined ? null : Number(count) };
      rows = [];
    } else if (message instanceof protocol.messages.DatabaseError) {
      reply.error ??= message;
      if (message.severity === "FATAL" || message.severity === "PANIC") reply.sessionOver = true;
    } else if (message instanceof protocol.messages.NotificationResponseMessage) {
      const { channel, payload, processId } = message;
      reply.notifications.push({ channel, payload, processId });
    } else if (message instanceof protocol.messages.ReadyForQueryMessage) {
      reply.transaction = message.status === "T" ? "open" : message.status === "E" ? "failed" : "none";
    }
  });
  return reply;
}

function encodeParam(value: unknown): Param {
  switch (typeof value) {
    case "undefined":
      return null;
    case "string":
      return value;
    case "number":
    case "bigint":
    case "boolean":
      return String(value);
    case "object":
      if (value === null || ArrayBuffer.isView(value)) return value;
      if (value instanceof Date) return value.toISOString();
      return Array.isArray(value) ? encodeArray(value) : JSON.stringify(value);
    default:
      throw new TypeError(`a ${typeof value} cannot be a parameter`);
  }
}

/** PostgreSQL's array literal; see "Array Input and Output Syntax" in its manual. */
function encodeArray(values: readonly unknown[]): string {
  const elements = values.map((value) => {
    if (value === null || value === undefined) return "NULL";
    if (Array.isArray(value)) return encodeArray(value);
    const text = encodeParam(value);
    if (typeof text !== "string") throw new TypeError("bytes cannot stand in an array parameter");
    return typeof value === "string" || typeof value === "object"
      ? `"${text.replace(/["\\]/g, String.raw`\$&`)}"`
      : text;
  });
  return `{${elements.join(",")}}`;
}
