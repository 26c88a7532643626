// A table as a Parquet file: one row group, plain encoding, no compression. Written here, so that a file
// is taken away without a server. The format: https://parquet.apache.org/docs/file-format/

/**
 * @typedef {object} Column
 * @property {string} name
 * @property {"number" | "integer" | "text"} type   an integer is of 32 bits
 * @property {(number | string | null)[]} values
 */

const MAGIC = new TextEncoder().encode("PAR1");
// types of values, and of the parts of a header, as the format numbers them
const PHYSICAL = { number: 5, integer: 1, text: 6 };
const UTF8 = 0;
const OPTIONAL = 1;
const PLAIN = 0;
const RLE = 3;
const UNCOMPRESSED = 0;
const DATA_PAGE = 0;

/**
 * The bytes of a Parquet file.
 * @param {Column[]} columns  as many values in each
 * @param {Record<string, string>} metadata  of the file
 * @returns {Uint8Array}
 */
export function parquet(columns, metadata) {
  const rows = columns[0].values.length;
  const parts = [MAGIC];
  let offset = MAGIC.length;
  const chunks = columns.map((column) => {
    const page = dataPage(column);
    parts.push(page);
    const chunk = { column, offset, size: page.length };
    offset += page.length;
    return chunk;
  });
  const footer = fileMetadata(chunks, rows, metadata);
  return joined([...parts, footer, littleEndian(footer.length), MAGIC]);
}

/** A column's only page: its header, which values are there, and those. */
function dataPage({ type, values }) {
  const there = values.filter((value) => value !== null);
  const levels = definitionLevels(values);
  const body = joined([littleEndian(levels.length), levels, joined(there.map(ENCODE[type]))]);
  const header = struct([
    [1, i32(DATA_PAGE)],
    [2, i32(body.length)],
    [3, i32(body.length)],
    [5, struct([[1, i32(values.length)], [2, i32(PLAIN)], [3, i32(RLE)], [4, i32(RLE)]])],
  ]);
  return joined([header.bytes, body]);
}

/** Whether each value is there, as runs of equal answers. */
function definitionLevels(values) {
  const runs = [];
  for (const value of values) {
    const level = value === null ? 0 : 1;
    if (runs.at(-1)?.level === level) runs.at(-1).length += 1;
    else runs.push({ level, length: 1 });
  }
  return joined(runs.map(({ level, length }) => Uint8Array.from([...varint(2 * length), level])));
}

const ENCODE = {
  number: (value) => fixed(8, (view) => view.setFloat64(0, value, true)),
  integer: (value) => fixed(4, (view) => view.setInt32(0, value, true)),
  text: (value) => {
    const bytes = new TextEncoder().encode(value);
    return joined([littleEndian(bytes.length), bytes]);
  },
};

function fileMetadata(chunks, rows, metadata) {
  const root = struct([[4, text("schema")], [5, i32(chunks.length)]]);
  const leaves = chunks.map(({ column: { name, type } }) =>
    struct([
      [1, i32(PHYSICAL[type])],
      [3, i32(OPTIONAL)],
      [4, text(name)],
      ...(type === "text" ? [[6, i32(UTF8)]] : []),
    ]),
  );
  const size = chunks.reduce((sum, chunk) => sum + chunk.size, 0);
  const group = struct([[1, list(chunks.map(columnChunk))], [2, i64(size)], [3, i64(rows)]]);
  const pairs = Object.entries(metadata).map(([key, value]) => struct([[1, text(key)], [2, text(value)]]));
  return struct([
    [1, i32(1)],
    [2, list([root, ...leaves])],
    [3, i64(rows)],
    [4, list([group])],
    [5, list(pairs)],
    [6, text("stability")],
  ]).bytes;
}

function columnChunk({ column: { name, type, values }, offset, size }) {
  const encodings = { kind: 9, bytes: joined([listHeader(2, 5), i32(PLAIN).bytes, i32(RLE).bytes]) };
  const details = struct([
    [1, i32(PHYSICAL[type])],
    [2, encodings],
    [3, { kind: 9, bytes: joined([listHeader(1, 8), text(name).bytes]) }],
    [4, i32(UNCOMPRESSED)],
    [5, i64(values.length)],
    [6, i64(size)],
    [7, i64(size)],
    [9, i64(offset)],
  ]);
  return struct([[2, i64(offset)], [3, details]]);
}

// Thrift's compact protocol, of which headers and the footer are made: a value is a kind and its bytes

function struct(fields) {
  let before = 0;
  const written = fields.map(([id, { kind, bytes }]) => {
    const header = Uint8Array.of(((id - before) << 4) | kind);
    before = id;
    return joined([header, bytes]);
  });
  return { kind: 12, bytes: joined([...written, Uint8Array.of(0)]) };
}

function list(structs) {
  return { kind: 9, bytes: joined([listHeader(structs.length, 12), ...structs.map(({ bytes }) => bytes)]) };
}

function listHeader(length, kind) {
  return Uint8Array.from(length < 15 ? [(length << 4) | kind] : [0xf0 | kind, ...varint(length)]);
}

function i32(value) {
  return { kind: 5, bytes: Uint8Array.from(varint(2 * value)) };
}

function i64(value) {
  return { kind: 6, bytes: Uint8Array.from(varint(2 * value)) };
}

function text(value) {
  const bytes = new TextEncoder().encode(value);
  return { kind: 8, bytes: joined([Uint8Array.from(varint(bytes.length)), bytes]) };
}

/** Seven bits a byte, the lowest first. */
function varint(value) {
  const bytes = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return [...bytes, left];
    bytes.push((left % 128) | 128);
  }
}

function littleEndian(value) {
  return fixed(4, (view) => view.setUint32(0, value, true));
}

function fixed(size, write) {
  const bytes = new Uint8Array(size);
  write(new DataView(bytes.buffer));
  return bytes;
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
