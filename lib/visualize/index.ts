/** Pictures from Node: of signals and maps, of what a net has learned, and a whole report. All self-contained. */
export { Picture } from "./picture.js";
export { stack, type FrameOptions } from "./layout.js";
export { colored, encodePng, imageRaster, type Raster } from "./raster.js";
export { divergingScale, greyScale, sequentialScale, type ColorScale, type Rgb } from "./color.js";
export { imageGrid, type GridOptions, type Tile } from "./imageGrid.js";
export { lineChart, type LineChartOptions, type Series } from "./lineChart.js";
export { accuracyCurve, lossCurve, trainingCurves } from "./curves.js";
export { liveCurves, type LiveCurves, type LiveCurvesOptions } from "./live.js";
export { heatMap, type HeatMapOptions } from "./heatMap.js";
export { filterLayers, filterSheet, type FilterSheetOptions } from "./filters.js";
export { featureMaps, type FeatureMapOptions } from "./featureMaps.js";
export {
  classify,
  confusionMatrix,
  mistakesOf,
  worstMistakes,
  type Classification,
  type LabelledImages,
  type Mistake,
} from "./confusion.js";
export {
  gradCam,
  occlusion,
  type AttributionMap,
  type GradCam,
  type GradCamOptions,
  type Occlusion,
  type OcclusionOptions,
  type Progress,
} from "./attribution.js";
export { overlayRaster, overlaySheet, type Overlay, type OverlayOptions } from "./overlay.js";
export { maximizeActivation, maximizedImages, type MaximizedActivation, type MaximizeOptions } from "./ascent.js";
export { report, reportHtml, type ReportData, type ReportOptions } from "./report/report.js";
export type { AnyModel, Images } from "./model.js";
