/** Random interleavings of operations, compared step by step with the in-memory model. */
import type { Subject } from "./store-contract.ts";

export function interleavingsContract(_subject: Subject, _runs: number): void {
  // Follows.
}
