/** Everything the sandbox will do later, so that closing it leaves nothing behind. */
export class Delays {
  readonly #timers = new Set<NodeJS.Timeout>();

  /** How many are still to come. */
  get pending(): number {
    return this.#timers.size;
  }

  after(ms: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, ms);
    this.#timers.add(timer);
  }

  clear(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}
