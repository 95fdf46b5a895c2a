/** The 16-bit floats of model files, widened to float32. Both conversions are exact. */

const bits = new Uint32Array(1);
const value = new Float32Array(bits.buffer);

/** IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits. */
export function decodeFloat16(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** bfloat16: the upper half of a float32. */
export function decodeBfloat16(upper: number): number {
  bits[0] = upper << 16;
  return value[0]!;
}
