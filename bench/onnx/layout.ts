/** Images channels last, ours, and channels first, the peer's. Anything but [n, channels, height, width] is left as it is. */

/** @param shape the peer's: [n, channels, height, width] */
export function toPeerLayout(data: Float32Array, shape: readonly number[]): Float32Array {
  if (shape.length !== 4) return data;
  const [batch, channels, height, width] = shape as readonly [number, number, number, number];
  return transpose(data, batch, height * width, channels);
}

/** @param shape the peer's: [n, channels, height, width] */
export function fromPeerLayout(data: Float32Array, shape: readonly number[]): Float32Array {
  if (shape.length !== 4) return data.slice();
  const [batch, channels, height, width] = shape as readonly [number, number, number, number];
  return transpose(data, batch, channels, height * width);
}

/** [batch, rows, columns] to [batch, columns, rows] */
function transpose(data: Float32Array, batch: number, rows: number, columns: number): Float32Array {
  const turned = new Float32Array(data.length);
  let from = 0;
  for (let n = 0; n < batch; n++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        turned[n * rows * columns + column * rows + row] = data[from++]!;
      }
    }
  }
  return turned;
}
