/** Reads a Parquet file in a thread of its own, piece by piece as it is asked. */
import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import { TraceloadError } from "../core/errors.ts";
import { parquetRecords, type ParquetFile } from "./parquet-records.ts";
import type { ThreadAnswer } from "./parquet.ts";

function serve(port: MessagePort, file: ParquetFile): void {
  let bytes = 0;
  const records = parquetRecords(file, (read) => (bytes += read));
  const answer = async (): Promise<ThreadAnswer> => {
    try {
      const piece = await records.next();
      if (piece.done === true) return { kind: "end" };
      const found: ThreadAnswer = { kind: "records", records: piece.value, bytes };
      bytes = 0;
      return found;
    } catch (error) {
      if (!(error instanceof TraceloadError)) throw error;
      return { kind: "fault", code: error.code, message: error.message, next: error.next };
    }
  };
  port.on("message", () => void answer().then((found) => port.postMessage(found)));
}

if (parentPort !== null) serve(parentPort, workerData as ParquetFile);
