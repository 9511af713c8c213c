/** Forms that an ID takes in other systems and that the API does not know: undone only where the form proves itself. */

const WITH_PREFIX = /^(?:0x|\\x)(?=[0-9a-f]{8,}$)/i;
const RESOURCE_NAME = /^projects\/[^/]+\/traces\/([^/]+)(?:\/spans\/([^/]+))?$/;

/** `0x` and `\x` before hex go; of `projects/P/traces/T` the last part stays. Everything else is as it was. */
export function plainId(id: string): string {
  const first = id.charCodeAt(0);
  if (first !== 0x30 && first !== 0x5c && first !== 0x70) return id;
  if (WITH_PREFIX.test(id)) return id.slice(2);
  const resource = RESOURCE_NAME.exec(id);
  return resource?.[2] ?? resource?.[1] ?? id;
}

/** Hex IDs that lost zeros at the front: padded to 32 digits, or to 16 where there are no more. Others stay. */
export function paddedId(id: string): string {
  if (!/^[0-9a-f]+$/i.test(id) || id.length === 16 || id.length >= 32) return id;
  return id.padStart(id.length < 16 ? 16 : 32, "0");
}
