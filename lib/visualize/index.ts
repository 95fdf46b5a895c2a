/** Pictures from Node: of signals and maps, of what a net has learned, and a whole report. All self-contained. */
export { Picture } from "./picture.js";
export { stack, type FrameOptions } from "./layout.js";
export { encodePng, imageRaster, type Raster } from "./raster.js";
export { divergingScale, greyScale, sequentialScale, type ColorScale, type Rgb } from "./color.js";
export { imageGrid, type GridOptions, type Tile } from "./imageGrid.js";
export { lineChart, type LineChartOptions, type Series } from "./lineChart.js";
export { accuracyCurve, lossCurve, trainingCurves } from "./curves.js";
export { report, reportHtml, type ReportData, type ReportOptions } from "./report/report.js";
export type { AnyModel, Images } from "./model.js";
