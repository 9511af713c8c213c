/** The sandbox's rate limit: so many requests in any sliding second, like a gateway that counts exactly. */
export class RateWindow {
  readonly #admitted: Float64Array;
  #next = 0;

  constructor(requestsPerSecond: number) {
    this.#admitted = new Float64Array(Math.max(1, Math.floor(requestsPerSecond))).fill(-Infinity);
  }

  /** Milliseconds until a request would be let through; 0: this one is, and counts. Refused ones do not count. */
  admit(nowMs: number): number {
    const oldest = this.#admitted[this.#next] ?? -Infinity;
    const waitMs = oldest + 1000 - nowMs;
    if (waitMs > 0) return waitMs;
    this.#admitted[this.#next] = nowMs;
    this.#next = (this.#next + 1) % this.#admitted.length;
    return 0;
  }
}
