/** IDX files, written byte by byte. */

/**
 * @param shape as the header says it, whatever the data
 * @param type of the elements; 8 is unsigned bytes
 */
export function idxBytes(shape: readonly number[], data: ArrayLike<number>, type = 0x08): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + data.length);
  bytes.set([0, 0, type, shape.length]);
  const view = new DataView(bytes.buffer);
  shape.forEach((size, axis) => view.setUint32(4 + 4 * axis, size));
  bytes.set(Array.from(data), 4 + 4 * shape.length);
  return bytes;
}
