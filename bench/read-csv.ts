/**
 * How fast CSV becomes rows (encoding, header, lines, IDs checked), against csv-parse's stream of arrays alone, on the
 * same files in one process, taking turns: two columns, and seven of which one is quoted.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parse } from "csv-parse";
import { flags, machine } from "./support/figures.ts";
import { compare, readRows } from "./support/reading.ts";
import { benchRow, writeRowsFile } from "./support/rows-file.ts";
import { benchmark } from "./support/scene.ts";

const settings = flags({ rows: "200000", rounds: "5" });
const rows = Number(settings.rows);
const rounds = Number(settings.rounds);

function* wideTable(): Generator<string> {
  yield "timestamp,trace_id,span_id,name,model,duration_ms,input\n";
  for (let number = 1; number <= rows; number += 1) {
    const { traceId, spanId } = benchRow(number);
    yield `2026-11-01T00:00:00Z,${traceId},${spanId},chat,large,${number % 1000},"a question, ""quoted"" ${number}"\n`;
  }
}

/** The records behind the header. */
function readArrays(file: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let records = -1;
    createReadStream(file)
      .pipe(parse())
      .on("data", () => (records += 1))
      .on("end", () => resolve(records))
      .on("error", reject);
  });
}

await benchmark(async (scene) => {
  const [narrow, wide] = [scene.file("narrow.csv"), scene.file("wide.csv")];
  await writeRowsFile(narrow, rows);
  await pipeline(Readable.from(wideTable()), createWriteStream(wide));
  const sides = { rows, rounds, ours: readRows, theirs: readArrays };
  return {
    scenario: "read-csv",
    settings,
    machine: machine(),
    narrow: await compare({ ...sides, file: narrow }),
    wide: await compare({ ...sides, file: wide }),
  };
});
