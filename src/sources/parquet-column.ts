/** One column of a row group, row by row: a page of it is decoded at a time, and no row held beside that. */
import {
  parquetSchema,
  type AsyncBuffer,
  type ColumnMetaData,
  type Compressors,
  type DecodedArray,
  type FileMetaData,
} from "hyparquet";
import { parquetHeader, readPage } from "hyparquet/src/column.js";
import { convert, DEFAULT_PARSERS } from "hyparquet/src/convert.js";
import { getTreePath } from "hyparquet/src/schema.js";

export interface ParquetPart {
  file: AsyncBuffer;
  metadata: FileMetaData;
  compressors: Compressors;
}

export class ColumnRows {
  readonly #pages: AsyncGenerator<unknown[]>;
  #rows: unknown[] = [];
  #at = 0;

  constructor(part: ParquetPart, column: ColumnMetaData) {
    this.#pages = pagesOf(part, column);
  }

  /** The next row's value; lists in lists, as deep as the column lies. Throws where there is none. */
  async next(): Promise<unknown> {
    while (this.#at === this.#rows.length) {
      const page = await this.#pages.next();
      if (page.done === true) throw new Error("one of its columns ends before the others");
      this.#rows = page.value;
      this.#at = 0;
    }
    this.#at += 1;
    return this.#rows[this.#at - 1];
  }
}

/** The rows that end in each page. */
async function* pagesOf(
  { file, metadata, compressors }: ParquetPart,
  column: ColumnMetaData,
): AsyncGenerator<unknown[]> {
  const schemaPath = getTreePath(parquetSchema(metadata), column.path_in_schema);
  const element = schemaPath.at(-1)?.element;
  if (element === undefined) return;
  const decoder = {
    ...column,
    pathInSchema: column.path_in_schema,
    schemaPath,
    element,
    compressors,
    parsers: DEFAULT_PARSERS,
    utf8: false,
  };
  const start = Number(column.dictionary_page_offset ?? column.data_page_offset);
  const bytes = await file.slice(start, start + Number(column.total_compressed_size));
  const reader = { view: new DataView(bytes), offset: 0 };
  let dictionary: DecodedArray | undefined;
  // The last row of a page may go on in the next one.
  let open: unknown[] = [];
  while (reader.offset < bytes.byteLength - 1) {
    const header = parquetHeader(reader);
    const { data } = readPage(reader, header, decoder, dictionary, open, 0);
    if (data === undefined) continue;
    if (header.type === "DICTIONARY_PAGE") {
      dictionary = convert(data, decoder);
      continue;
    }
    const rows = data === open ? open : [...open, ...data];
    open = rows.splice(-1);
    yield rows;
  }
  yield open;
}
