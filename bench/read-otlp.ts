/**
 * Memory while one large OTLP document is read: 1 GB in one JSON object, which is counted and read as it is for an
 * import, in a process of its own. The file is generated on the way to the disk, and goes with the benchmark.
 */
import { createWriteStream, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { flags, machine, round } from "./support/figures.ts";
import { readRows } from "./support/reading.ts";
import { benchRow } from "./support/rows-file.ts";
import { benchmark, succeeded } from "./support/scene.ts";

const LIMIT_MIB = 300;
const SPANS_A_TRACE = 10;
const PROGRAM = fileURLToPath(import.meta.url);

function* otlpDocument(bytes: number): Generator<string> {
  let written = 0;
  const attributes = [{ key: "gen_ai.prompt", value: { stringValue: "a question ".repeat(60) } }];
  yield '{"resourceSpans":[{"resource":{"attributes":[]},"scopeSpans":[{"scope":{"name":"bench"},"spans":[';
  for (let trace = 1; written < bytes; trace += 1) {
    let text = trace === 1 ? "" : ",";
    const { traceId } = benchRow(trace);
    for (let span = 0; span < SPANS_A_TRACE; span += 1) {
      const spanId = (trace * SPANS_A_TRACE + span).toString(16).padStart(16, "0");
      text += `${span === 0 ? "" : ","}${JSON.stringify({ traceId, spanId, name: "chat", attributes })}`;
    }
    written += text.length;
    yield text;
  }
  yield "]}]}]}\n";
}

if (process.argv[2] === "read") {
  const startedAt = performance.now();
  const rows = await readRows(process.argv[3] ?? "");
  process.stdout.write(JSON.stringify({ rows, seconds: (performance.now() - startedAt) / 1000 }));
} else {
  const settings = flags({ megabytes: "1000" });
  await benchmark(async (scene) => {
    const file = scene.file("spans.json");
    await pipeline(
      Readable.from(otlpDocument(Number(settings.megabytes) * 1_000_000)),
      createWriteStream(file),
    );
    // As the launcher starts the command.
    const child = scene.node(["--max-semi-space-size=16", PROGRAM, "read", file]);
    const { stdout, usage } = await succeeded(child);
    const { rows, seconds } = JSON.parse(stdout) as { rows: number; seconds: number };
    return {
      scenario: "read-otlp",
      settings,
      machine: machine(),
      bytes: statSync(file).size,
      traces: rows,
      seconds: round(seconds, 1),
      cpuSeconds: round(usage.cpuMs / 1000, 1),
      peakMiB: round(usage.peakRssMiB, 1),
      limitMiB: LIMIT_MIB,
      holds: usage.peakRssMiB < LIMIT_MIB,
    };
  });
}
