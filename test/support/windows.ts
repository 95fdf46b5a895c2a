/** The lecture's size formula once more, for the case tables: deliberately not the one of lib/shape. */

export type Sides = readonly [readonly [number, number], readonly [number, number]];

export interface WindowSpec {
  readonly image: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly stride?: number | readonly [number, number] | undefined;
  readonly padding?: number | readonly [number, number] | Sides | "valid" | "same" | undefined;
  readonly dilation?: number | readonly [number, number] | undefined;
  readonly rounding?: "exact" | "floor" | "ceil" | undefined;
}

export interface MeasuredWindow {
  readonly out: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** As declared. */
  readonly pads: Sides;
  /** So that the floor formula gives `out`. */
  readonly effectivePads: Sides;
}

export function both(value: number | readonly [number, number]): readonly [number, number] {
  return typeof value === "number" ? [value, value] : value;
}

interface Axis {
  readonly size: number;
  readonly extent: number;
  readonly stride: number;
}

function declaredPads(spec: WindowSpec, axis: 0 | 1, { size, extent, stride }: Axis): readonly [number, number] {
  const { padding = 0 } = spec;
  if (padding === "valid") return [0, 0];
  if (padding === "same") {
    const windows = Math.ceil(size / stride);
    const total = Math.max(0, stride * (windows - 1) + extent - size);
    return [total >> 1, total - (total >> 1)];
  }
  const side = typeof padding === "number" ? padding : padding[axis];
  return typeof side === "number" ? [side, side] : side;
}

/** Counts the windows one by one, as they are placed. */
function placeWindows({ size, extent, stride }: Axis, pads: readonly [number, number], ceil: boolean): number {
  const padded = size + pads[0] + pads[1];
  let count = 0;
  for (let start = 0; ; start += stride) {
    const fits = start + extent <= padded;
    // ceil keeps one window that overhangs, unless it starts in the trailing padding
    const overhangs = ceil && count > 0 && start - stride + extent < padded && start < size + pads[0];
    if (!fits && !overhangs) return count;
    count++;
    if (!fits) return count;
  }
}

export function measure(spec: WindowSpec): MeasuredWindow {
  const stride = both(spec.stride ?? 1);
  const dilation = both(spec.dilation ?? 1);
  const measured = ([0, 1] as const).map((axis) => {
    const extent = dilation[axis] * (spec.kernel[axis] - 1) + 1;
    const sizes = { size: spec.image[axis], extent, stride: stride[axis] };
    const pads = declaredPads(spec, axis, sizes);
    const out = placeWindows(sizes, pads, spec.rounding === "ceil");
    const reach = (out - 1) * stride[axis] + extent - spec.image[axis] - pads[0];
    return { out, pads, effective: [pads[0], spec.rounding === "ceil" ? Math.max(reach, 0) : pads[1]] as const };
  });
  const [h, w] = [measured[0]!, measured[1]!];
  return {
    out: [h.out, w.out],
    stride,
    dilation,
    pads: [h.pads, w.pads],
    effectivePads: [h.effective, w.effective],
  };
}

/** Stride and pads by the names of the schema. */
export function windowAttributes(
  { stride }: MeasuredWindow,
  [[top, bottom], [left, right]]: Sides,
): Record<string, number> {
  return { strideH: stride[0], strideW: stride[1], padTop: top, padBottom: bottom, padLeft: left, padRight: right };
}
