import { present } from "./numbers.js";

export function bytesOf(text) {
  const binary = atob(text), bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

// All first bytes of the numbers come before all second ones.
function interleaved(planes, size) {
  const bytes = new Uint8Array(planes.length), count = planes.length / size;
  for (let plane = 0; plane < size; plane += 1) {
    for (let i = 0; i < count; i += 1) bytes[i * size + plane] = planes[plane * count + i];
  }
  return bytes.buffer;
}

export async function unpacked(packed) {
  const stream = new Blob([bytesOf(packed.data)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());
  const [rows, columns] = packed.shape;
  if (packed.kind === "float") return { rows, columns, values: new Float32Array(interleaved(planes, 4)) };
  const numbers = new Uint16Array(interleaved(planes, 2)), values = new Float32Array(numbers.length);
  const meaning = meanings(packed, numbers.reduce((highest, n) => Math.max(highest, n), 0));
  for (let i = 0; i < values.length; i += 1) values[i] = meaning[numbers[i]];
  return { rows, columns, values };
}

// What each stored number stands for; 0 is a missing one.
function meanings(packed, highest) {
  const linear = Float64Array.from({ length: highest + 1 }, (_, n) => (n ? packed.lowest + (n - 1) * packed.step : NaN));
  return packed.kind === "logarithm" ? linear.map(Math.exp) : linear;
}

export async function unpackAll(packed) {
  const names = Object.keys(packed), grids = await Promise.all(names.map((name) => unpacked(packed[name])));
  return Object.fromEntries(names.map((name, i) => [name, grids[i]]));
}

// A number of an unpacked grid; a grid that is the same in all rows or columns has one of them.
export function valueAt(grid, row, column) {
  if (!grid) return null;
  const value = grid.values[(grid.rows === 1 ? 0 : row) * grid.columns + (grid.columns === 1 ? 0 : column)];
  return present(value) ? value : null;
}
