/**
 * How fast NDJSON becomes rows (encoding, lines, keys found, IDs checked), against `readline` and `JSON.parse`, on the
 * same file in one process, taking turns. A record has seven keys, one of them an object.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { flags, machine } from "./support/figures.ts";
import { compare, readRows } from "./support/reading.ts";
import { benchRow } from "./support/rows-file.ts";
import { benchmark } from "./support/scene.ts";

const settings = flags({ rows: "200000", rounds: "5" });
const rows = Number(settings.rows);

function* lines(): Generator<string> {
  for (let number = 1; number <= rows; number += 1) {
    const { traceId, spanId } = benchRow(number);
    const attributes = { model: "large", tokens: { input: 12, output: number % 77 } };
    const record = {
      timestamp: "2026-11-01T00:00:00Z",
      trace_id: traceId,
      span_id: spanId,
      name: "chat",
      attributes,
      duration_ms: number % 1000,
      input: `a question, "quoted" ${number}`,
    };
    yield `${JSON.stringify(record)}\n`;
  }
}

async function readObjects(file: string): Promise<number> {
  let records = 0;
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    JSON.parse(line);
    records += 1;
  }
  return records;
}

await benchmark(async (scene) => {
  const file = scene.file("rows.ndjson");
  await pipeline(Readable.from(lines()), createWriteStream(file));
  const rounds = Number(settings.rounds);
  const found = await compare({ rows, rounds, ours: readRows, theirs: readObjects, file });
  return { scenario: "read-ndjson", settings, machine: machine(), ...found };
});
