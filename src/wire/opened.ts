/** What was opened so far: closed in reverse order, at the end or when the next part cannot be opened. */

interface Closable {
  close(): Promise<void>;
}

export interface Opened {
  /** Notes a part to be closed, and answers it. */
  add<T extends Closable>(part: T): T;
  /** Closes every part, also after one that cannot be closed; then rejects with the first fault. Repeating it does nothing. */
  close(): Promise<void>;
}

export function makeOpened(): Opened {
  const parts: Closable[] = [];
  return {
    add: (part) => {
      parts.push(part);
      return part;
    },
    close: async () => {
      const faults: unknown[] = [];
      for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
        await part.close().catch((error: unknown) => faults.push(error));
      }
      if (faults.length > 0) throw faults[0];
    },
  };
}
