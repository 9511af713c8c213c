// Writes examples/traces.csv: 1,000 records, the same each time. 988 can be sent (2 of them repeat an earlier one),
// and of each fault that a table of IDs can have there are two or three.
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";

const hex = (text, digits) => createHash("sha256").update(text).digest("hex").slice(0, digits);
const steps = ["chat", "retrieve", "rerank, top 5", 'say "hello"', "summarize"];

const good = (number) => {
  const trace = hex(`trace ${Math.floor(number / 3)}`, 32);
  // Every tenth record names a whole trace.
  const span = number % 10 === 9 ? "" : hex(`span ${number}`, 16);
  const step = steps[number % steps.length];
  return [trace, span, /[",]/.test(step) ? `"${step.replaceAll('"', '""')}"` : step].join(",");
};

const bad = new Map([
  [101, `,${hex("span 101", 16)},chat`],
  [102, `null,${hex("span 102", 16)},chat`],
  [255, `${"0".repeat(32)},${hex("span 255", 16)},chat`],
  [333, `1.07E+18,${hex("span 333", 16)},retrieve`],
  [334, `${hex("trace 334", 32)},4.2E+15,retrieve`],
  [444, `"${hex("trace 444", 16)}\n${hex("trace 444", 16)}",${hex("span 444", 16)},chat`],
  [555, `${hex("trace 555", 16)}\u0007,${hex("span 555", 16)},chat`],
  [666, `${hex("trace 666", 32).repeat(20)},${hex("span 666", 16)},chat`],
  [667, `${hex("trace 667", 32)},${hex("span 667", 16).repeat(40)},chat`],
  [777, hex("trace 777", 32)],
  [888, hex("trace 888", 32)],
  [999, `-,${hex("span 999", 16)},chat`],
]);

const repeats = new Map([
  [500, 100],
  [501, 200],
]);

const records = Array.from({ length: 1000 }, (_, index) => {
  const number = index + 1;
  return bad.get(number) ?? good(repeats.get(number) ?? number);
});

writeFileSync(new URL("traces.csv", import.meta.url), `trace_id,span_id,name\n${records.join("\n")}\n`);
