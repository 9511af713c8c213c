/** IDs that an export writes in another form than the API takes them: changed only where the shape proves it. */

const HEX = /^[0-9a-f]+$/i;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * The proto-JSON form of OTLP's bytes: base64 of 16 (trace) or 8 bytes (span) becomes hex. Hex of that length is base64
 * text, too, and stays; so does everything else.
 */
export function fromProtoBytes(id: unknown, bytes: 8 | 16): unknown {
  if (typeof id !== "string" || (HEX.test(id) && id.length === bytes * 2)) return id;
  const length = bytes === 16 ? 24 : 12;
  if (id.length !== length || !BASE64.test(id)) return id;
  const decoded = Buffer.from(id, "base64");
  return decoded.length === bytes ? decoded.toString("hex") : id;
}
