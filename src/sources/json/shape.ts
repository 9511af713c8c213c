/** What JSON text looks like by its beginning: the paths that stand in it, for telling formats apart. */

/** `resourceSpans[].scopeSpans[]` when such an element was seen; `[]`: the document is an array with an element. */
export type JsonShape = ReadonlySet<string>;

/** A string that the head cuts off ends with it: what stands in it is no structure. */
const TOKEN = /"(?:[^"\\]|\\.)*(?:"|\\?$)|[{}[\],:]|[^\s{}[\],:"]+/gs;
/** Of an array only the first elements are looked at: they are alike. */
const LOOKED_AT = 3;
const MAX_DEPTH = 12;
const MAX_PATHS = 4_000;

interface Open {
  object: boolean;
  path: string;
  elements: number;
  /** Whether what stands in it is taken down. */
  seen: boolean;
}

/**
 * The paths of the first documents in `head`, which may be cut off anywhere and broken. Keys of values are paths, as
 * are arrays' elements: `{"a":[{"b":1}]}` has `a`, `a[]` and `a[].b`. Never throws.
 */
export function shapeOf(head: string): JsonShape {
  const paths = new Set<string>();
  const open: Open[] = [];
  let key: string | undefined;
  for (const [token] of head.matchAll(TOKEN)) {
    const inner = open.at(-1);
    if (token === "," || token === ":") continue;
    if (token === "}" || token === "]") {
      open.pop();
      key = undefined;
      continue;
    }
    const isContainer = token === "{" || token === "[";
    if (inner?.object === true && key === undefined) {
      if (token.startsWith('"')) key = token.slice(1, -1);
      continue;
    }
    const path = pathOf(inner, key);
    key = undefined;
    if (inner !== undefined && !inner.object) inner.elements += 1;
    const seen = inner === undefined || (inner.seen && (inner.object || inner.elements <= LOOKED_AT));
    if (seen && path !== "" && open.length <= MAX_DEPTH && paths.size < MAX_PATHS) paths.add(path);
    if (isContainer) open.push({ object: token === "{", path, elements: 0, seen });
  }
  return paths;
}

function pathOf(inner: Open | undefined, key: string | undefined): string {
  if (inner === undefined) return "";
  if (!inner.object) return `${inner.path}[]`;
  return inner.path === "" ? (key ?? "") : `${inner.path}.${key ?? ""}`;
}
