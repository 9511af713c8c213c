/** Looks at the first piece of a text that comes in pieces: it is its head, or all there is. */

/** `all` has the first piece, too. */
export async function withFirstPiece(
  text: AsyncIterable<string>,
): Promise<{ head: string; all: AsyncIterable<string> }> {
  const iterator = text[Symbol.asyncIterator]();
  const first = await iterator.next();
  async function* all(): AsyncGenerator<string> {
    if (first.done === true) return;
    yield first.value;
    yield* { [Symbol.asyncIterator]: () => iterator };
  }
  return { head: first.done === true ? "" : first.value, all: all() };
}
