/** The parts of a report, each made of the model, its history or the images it is judged by. */
import { countNet } from "../../layers/summary.js";
import { listNodes } from "../../layers/node.js";
import type { History } from "../../training/fit.js";
import { maximizeActivation, maximizedImages } from "../ascent.js";
import { gradCam, occlusion } from "../attribution.js";
import { confusionMatrix, mistakesOf, mostCells, worstMistakes, type Classification } from "../confusion.js";
import { accuracyCurve, hasAccuracy, lossCurve } from "../curves.js";
import { featureMaps } from "../featureMaps.js";
import { filterLayers, filterSheet } from "../filters.js";
import type { AnyModel, Images } from "../model.js";
import { overlaySheet, type Overlay } from "../overlay.js";
import { pixelRange, someImages } from "../raster.js";
import { beforeActivation, lastMapLayer } from "../scores.js";
import { figures, table, type Cell, type Section } from "./page.js";

/** Layers of a kind that a page shows at most; a net of fifty would drown the reader. */
const mostLayers = 6;

const group = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ",");
const percent = (share: number): string => (Number.isNaN(share) ? "" : `${(100 * share).toFixed(1)} %`);

/** The first and the last of a list that is too long, evenly picked. */
function picked<T>(list: readonly T[], most: number): T[] {
  if (list.length <= most) return [...list];
  return Array.from({ length: most }, (_, i) => list[Math.round((i * (list.length - 1)) / (most - 1))]!);
}

export function summarySection(model: AnyModel): Section {
  const { layers, ...total } = countNet(model.node);
  const count = (value: number): Cell => ({ number: value === 0 ? "" : group(value) });
  const rows = layers.map((layer): Cell[] => [
    { text: layer.name, small: layer.formula },
    layer.outputShape.join("\u00d7"),
    count(layer.parameters),
    count(layer.macs),
  ]);
  rows.push(["total", "", count(total.parameters), count(total.macs)]);
  return {
    id: "layers",
    heading: "Layers",
    text: "Output shapes are height\u00d7width\u00d7channels. MACs are multiply-adds for one image.",
    content: [table("Layers of the net", ["layer", "output", "parameters", "MACs"], rows)],
  };
}

export function curvesSection(history: History): Section {
  const pictures = [lossCurve(history), ...(hasAccuracy(history) ? [accuracyCurve(history)] : [])];
  return { id: "training", heading: "Training", content: [figures(pictures)] };
}

export function answersSection(answers: Classification, images: Images): Section {
  const mistakes = mistakesOf(answers).length > 0 ? [worstMistakes(answers, images)] : [];
  return {
    id: "answers",
    heading: "Right and wrong",
    text: `${answers.labels.length - mistakesOf(answers).length} of ${answers.labels.length} images are classified rightly.`,
    content: [figures([confusionMatrix(answers), ...mistakes, classTable(answers)])],
  };
}

/** Precision and recall of each class; of many classes, those with the least recall. */
function classTable({ classes, counts }: Classification): ReturnType<typeof table> {
  const recall = (i: number): number => counts[i]![i]! / counts[i]!.reduce((sum, count) => sum + count, 0);
  const all = [...classes.keys()];
  const many = classes.length > mostCells;
  const shown = many
    ? all
        .filter((i) => !Number.isNaN(recall(i)))
        .sort((a, b) => recall(a) - recall(b))
        .slice(0, 20)
    : all;
  const rows = shown.map((i): Cell[] => {
    const name = classes[i]!;
    const right = counts[i]![i]!;
    const actual = counts[i]!.reduce((sum, count) => sum + count, 0);
    const answered = counts.reduce((sum, row) => sum + row[i]!, 0);
    return [name, { number: group(actual) }, { number: percent(right / answered) }, { number: percent(recall(i)) }];
  });
  const caption = `Precision and recall of ${many ? "the 20 classes with the least recall" : "each class"}`;
  return table(caption, ["class", "images", "precision", "recall"], rows);
}

export function filtersSection(model: AnyModel): Section | undefined {
  const layers = filterLayers(model);
  if (layers.length === 0) return undefined;
  const shown = picked(layers, mostLayers);
  const left = shown.length < layers.length ? ` ${shown.length} of ${layers.length} convolutions.` : "";
  return {
    id: "filters",
    heading: "Filters",
    text: `What the convolutions have learned, one tile for each filter.${left}`,
    content: [figures(shown.map((layer) => filterSheet(model, layer, { limit: 32 })))],
  };
}

/** Layers worth a row of maps: activations, pools and merges; convolutions where there is nothing of the kind. */
function mapLayers({ node }: AnyModel): string[] {
  const maps = listNodes(node).filter((each) => each.node.outputShape.length === 3 && each.node.inputs.length > 0);
  const after = maps.filter(
    ({ node: { definition } }) => !/^(conv2d|depthwiseConv2d|batchNorm|rescale)$/.test(definition.type),
  );
  return (after.length > 0 ? after : maps).map(({ name }) => name);
}

/** An image with a name for it. */
export interface Example {
  readonly index: number;
  readonly caption: string;
}

export async function mapsSection(
  model: AnyModel,
  images: Images,
  examples: readonly Example[],
  signal: AbortSignal | undefined,
): Promise<Section | undefined> {
  const layers = picked(mapLayers(model), mostLayers);
  if (layers.length === 0) return undefined;
  const shown = examples.slice(0, 3);
  const pictures = [];
  for (const { index, caption } of shown) {
    const title = `Feature maps of ${caption}`;
    pictures.push(await featureMaps(model, images, { layers, index, title, ...(signal && { signal }) }));
  }
  return {
    id: "maps",
    heading: "Feature maps",
    text: "What the layers make of an image. Under each layer, one map for each channel.",
    content: [figures(pictures)],
  };
}

/** Grad-CAM and occlusion of the examples. */
export async function attributionSection(
  model: AnyModel,
  images: Images,
  examples: readonly Example[],
  answers: Classification,
  signal: AbortSignal | undefined,
): Promise<Section | undefined> {
  if (filterLayers(model).length === 0 || examples.length === 0) return undefined;
  const call = signal === undefined ? {} : { signal };
  const some = someImages(
    images,
    examples.map(({ index }) => index),
  );
  const labels = examples.map(({ index }) => answers.predicted[index]!);
  const layer = lastMapLayer(model, "report");
  const cam = await gradCam(model, some, { layer, labels, ...call });
  const captions = examples.map(({ caption }, row) => [caption, `for ${answers.classes[labels[row]!]!}`]);
  const overlay = (map: Overlay["map"], row: number): Overlay => ({ index: row, map, caption: captions[row]! });
  const falls = [];
  for (let row = 0; row < examples.length; row++) {
    falls.push((await occlusion(model, some, { index: row, label: labels[row]!, ...call })).map);
  }
  const about = `of ${examples.map(({ caption }) => caption).join(", ")}`;
  const pictures = [
    overlaySheet(some, cam.maps.map(overlay), {
      title: `Grad-CAM at ${layer}`,
      description: `Where the score of the answer comes from, by gradients, in images ${about}.`,
      notes: ["Yellow: speaks most for the answer; dark violet: not at all. Each map has a scale of its own."],
    }),
    overlaySheet(some, falls.map(overlay), {
      title: "Occlusion",
      description: `How the answer's output changes where a part is covered, in images ${about}.`,
      signed: true,
      notes: [
        "Red: covering it lowers the answer's output; blue: raises it; white: changes nothing. Each map has a scale of its own.",
      ],
    }),
  ];
  return {
    id: "attribution",
    heading: "What the answers rest on",
    text: "Each image, and beside it the parts that speak for the answer.",
    content: [figures(pictures)],
  };
}

/** What the channels of the last convolution look for. */
export async function ascentSection(
  model: AnyModel,
  images: Images,
  steps: number,
  signal: AbortSignal | undefined,
): Promise<Section | undefined> {
  if (steps === 0 || filterLayers(model).length === 0) return undefined;
  const layer = beforeActivation(model, lastMapLayer(model, "report"));
  const options = { steps, range: pixelRange(images), ...(signal === undefined ? {} : { signal }) };
  const found = await maximizeActivation(model, layer, options);
  return {
    id: "ascent",
    heading: "What filters look for",
    text: `Images made from noise to excite the first ${found.channels.length} channels of ${layer}.`,
    content: [figures([maximizedImages(found)])],
  };
}
