/** The report as a reader has it: opened as a file in headless Chromium, on a phone and on a desk, in light and in dark. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium, type BrowserContext, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { digits, sequential, sgd } from "../../lib/index.js";
import { liveCurves, report } from "../../lib/visualize/index.js";

const executablePath = process.env["STRIATE_CHROMIUM"] ?? "/usr/bin/chromium";
const found = existsSync(executablePath);
const required = process.env["STRIATE_REQUIRE_TOOLS"] === "1";
const reason = `there is no ${executablePath}: install chromium, or name it in STRIATE_CHROMIUM`;

const flags = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];

/** What the page's own scripts of this test use of the DOM; its types would be all over the project otherwise. */
interface PageElement {
  readonly textContent: string;
  readonly outerHTML: string;
  readonly ariaLabel: string | null;
  readonly clientWidth: number;
  readonly scrollWidth: number;
  getAttribute(name: string): string | null;
  closest(selector: string): PageElement | null;
  querySelector(selector: string): PageElement | null;
  getBoundingClientRect(): Record<"left" | "right" | "bottom" | "width" | "height", number>;
}
declare const document: {
  readonly body: PageElement;
  readonly documentElement: PageElement;
  getElementById(id: string): PageElement | null;
  querySelector(selector: string): PageElement | null;
  querySelectorAll(selector: string): Iterable<PageElement> & { readonly length: number };
};
declare const getComputedStyle: (
  element: PageElement,
) => Record<"color" | "fill" | "backgroundColor" | "fontSize", string>;
declare class Image {
  src: string;
  readonly naturalWidth: number;
  readonly naturalHeight: number;
  decode(): Promise<void>;
}

/** Opens a file; whatever it asks of the network or complains of is kept. */
async function open(context: BrowserContext, file: string): Promise<{ page: Page; complaints: string[] }> {
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith("data:") && url !== pathToFileURL(file).href) complaints.push(`request: ${url}`);
  });
  await page.goto(pathToFileURL(file).href, { waitUntil: "load" });
  return { page, complaints };
}

/** Contrast of two colours as WCAG 2 defines it, from "rgb(1, 2, 3)". */
function contrast(a: string, b: string): number {
  const luminance = (color: string): number => {
    const parts = color.match(/[\d.]+/g)!.slice(0, 3);
    const [red, green, blue] = parts.map((part) => {
      const share = Number(part) / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
  };
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light! + 0.05) / (dark! + 0.05);
}

if (!found) {
  test(`needs a browser: ${reason}`, (context) => {
    if (required) expect.fail(reason);
    context.skip(reason);
  });
}

describe.runIf(found)("the report in Chromium", () => {
  let folder = "";
  let file = "";
  let live = "";
  let context: BrowserContext;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "striate-browser-"));
    file = join(folder, "report.html");
    live = join(folder, "live.html");
    const { train, validation, test: held } = await digits();
    const net = sequential([8, 8, 1])
      .conv2d({ filters: 8, kernel: 3, padding: "same" })
      .relu()
      .maxPool2d({ size: 2 })
      .conv2d({ filters: 12, kernel: 3, padding: "same" })
      .relu();
    const model = net.flatten().dense({ units: 10 }).softmax().model({ seed: 1 });
    const optimizer = sgd({ learningRate: 0.05, momentum: 0.9 });
    const curves = liveCurves(live);
    const history = await model.fit(train, { epochs: 3, optimizer, loss: "crossEntropy", validation, ...curves });
    await curves.done();
    // A name that would be markup, and longer than its place.
    const classes = held.classes.map((name) => (name === "8" ? "<i>eight</i> & a long name" : name));
    await report(model, history, { ...held, classes }, { file, title: "Digits", ascentSteps: 4 });
    context = await chromium.launchPersistentContext(join(folder, "profile"), {
      executablePath,
      headless: true,
      args: flags,
    });
  });
  afterAll(async () => {
    await context.close();
    await rm(folder, { recursive: true, force: true });
  });

  test("draws everything, asks nobody, complains of nothing", async () => {
    const { page, complaints } = await open(context, file);
    expect(await page.title()).toBe("Digits");
    const counts = await page.evaluate(() => {
      const count = (selector: string): number => document.querySelectorAll(selector).length;
      const images = [...document.querySelectorAll("svg image")].map((image) => {
        const { width, height } = image.getBoundingClientRect();
        return width > 2 && height > 2;
      });
      return {
        sections: [...document.querySelectorAll("h2")].map((heading) => heading.textContent),
        lines: count("#training path.sv-line title"),
        cells: count("#answers .sv-cell"),
        layers: count("#layers tbody tr"),
        filters: count("#filters .sv-tile"),
        images: images.length,
        visible: images.every((each) => each),
        named: [...document.querySelectorAll("svg")].every(
          (svg) =>
            svg.getAttribute("role") === "img" && svg.querySelector("title, desc") !== null && svg.ariaLabel !== "",
        ),
        injected: count("i"),
        anchors: [...document.querySelectorAll("nav a")].every(
          (link) => document.getElementById(link.getAttribute("href")!.slice(1)) !== null,
        ),
      };
    });
    expect(counts).toEqual({
      sections: [
        ...["Layers", "Training", "Right and wrong", "Filters", "Feature maps"],
        ...["What the answers rest on", "What filters look for"],
      ],
      ...{ lines: 4, cells: 100, layers: 10, filters: 20, images: expect.any(Number) as number },
      ...{ visible: true, named: true, injected: 0, anchors: true },
    });
    expect(counts.images).toBeGreaterThan(100);
    // The pictures are decoded, not only there.
    const decoded = await page.evaluate(async () => {
      const sources = [...document.querySelectorAll("svg image")].map((image) => image.getAttribute("href")!);
      const sizes = await Promise.all(
        sources.map(async (source) => {
          const image = new Image();
          image.src = source;
          await image.decode();
          return image.naturalWidth * image.naturalHeight;
        }),
      );
      return sizes.every((size) => size > 0);
    });
    expect(decoded).toBe(true);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test.each([
    [320, "light"],
    [390, "light"],
    [390, "dark"],
    [1280, "dark"],
  ] as const)("fits %i pixels of width, %s", async (width, colorScheme) => {
    const { page, complaints } = await open(context, file);
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 800 });
    // On the narrowest screens the table of layers scrolls by itself.
    const boxes = `h1, h2, p, nav a, svg, ${width >= 390 ? "table" : ".wide"}`;
    const seen = await page.evaluate((boxes) => {
      const colorOf = (selector: string, property: "color" | "fill" | "backgroundColor"): string =>
        getComputedStyle(document.querySelector(selector)!)[property];
      const outside = [...document.querySelectorAll(boxes)].filter((element) => {
        const { left, right } = element.getBoundingClientRect();
        return left < 0 || right > document.documentElement.clientWidth;
      });
      // Texts of a drawing stay inside of it.
      const cut = [...document.querySelectorAll("svg text")].filter((text) => {
        const box = text.getBoundingClientRect();
        const svg = text.closest("svg")!.getBoundingClientRect();
        return box.left < svg.left - 4 || box.right > svg.right + 4 || box.bottom > svg.bottom + 4;
      });
      return {
        scroll: document.documentElement.scrollWidth,
        outside: outside.map((element) => element.outerHTML.slice(0, 80)),
        cut: cut.map((text) => text.textContent),
        fontSize: Number.parseFloat(getComputedStyle(document.body).fontSize),
        paper: colorOf("body", "backgroundColor"),
        texts: [
          ...[colorOf("body", "color"), colorOf(".muted", "color"), colorOf("nav a", "color")],
          ...[colorOf(".sv-text", "fill"), colorOf(".sv-muted", "fill")],
        ],
      };
    }, boxes);
    expect(seen.scroll).toBe(width);
    expect(seen.outside).toEqual([]);
    expect(seen.cut).toEqual([]);
    expect(seen.fontSize).toBeGreaterThanOrEqual(14);
    for (const text of seen.texts) expect(contrast(text, seen.paper), `${text} on ${seen.paper}`).toBeGreaterThan(4.5);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test("live curves are a page of their own", async () => {
    const { page, complaints } = await open(context, live);
    await page.setViewportSize({ width: 390, height: 800 });
    expect(await page.evaluate(() => document.querySelectorAll("path.sv-line title").length)).toBe(4);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    expect(complaints).toEqual([]);
    await page.close();
  });
});
