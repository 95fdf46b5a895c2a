/** The page around the pictures: one file, nothing loaded from anywhere, from a phone's width up, light and dark. */
import { element, escape, Markup } from "../markup.js";
import { pictureStyle, pictureWidth, type Picture } from "../picture.js";

/** A part of the page with a heading. */
export interface Section {
  readonly id: string;
  readonly heading: string;
  /** What is to be seen in it. */
  readonly text?: string | undefined;
  readonly content: readonly Markup[];
}

const style = `
:root{color-scheme:light dark;--paper:#fff;--text:#1f2328;--muted:#59636e;--rule:#d1d9e0;--accent:#0969da;--soft:#f6f8fa}
@media (prefers-color-scheme:dark){:root{--paper:#0d1117;--text:#f0f6fc;--muted:#9198a1;--rule:#3d444d;--accent:#58a6ff;--soft:#151b23}}
*{box-sizing:border-box}
body{margin:0 auto;padding:20px 16px 48px;max-width:1180px;background:var(--paper);color:var(--text);
 font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;overflow-wrap:break-word}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 4px}
h2{font-size:1.2rem;margin:36px 0 6px;padding-top:12px;border-top:1px solid var(--rule)}
p{margin:0 0 12px;max-width:72ch}
.muted{color:var(--muted)}
nav{margin:14px 0 0;line-height:2}
nav a{margin-right:14px;white-space:nowrap}
a{color:var(--accent)}
.facts{display:flex;flex-wrap:wrap;gap:10px;margin:16px 0 0;padding:0;list-style:none}
.facts li{background:var(--soft);border:1px solid var(--rule);border-radius:8px;padding:8px 14px}
.facts b{display:block;font-size:1.25rem;line-height:1.3}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,${pictureWidth}px),1fr));gap:24px 28px;align-items:start}
figure{margin:0;min-width:0}
figure svg{display:block;width:100%;max-width:${Math.round(1.25 * pictureWidth)}px;height:auto}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}
.wide{max-width:100%;overflow-x:auto}
th,td{text-align:left;padding:4px 10px 4px 0;vertical-align:top;border-bottom:1px solid var(--rule)}
th{font-weight:600}
td.number,th.number{text-align:right}
td small{display:block;color:var(--muted)}
footer{margin-top:40px;color:var(--muted);font-size:13px}
`.replaceAll("\n", "");

/** Pictures, and tables, beside each other as far as there is room. */
export function figures(parts: readonly (Picture | Markup)[]): Markup {
  const drawn = parts.map((part) => (part instanceof Markup ? part : new Markup(part.toHtml())));
  return element(
    "div",
    { class: "figures" },
    drawn.map((part) => element("figure", {}, part)),
  );
}

/** A cell: text, a number at the right, or a text with smaller text below it. */
export type Cell = string | { readonly number: string } | { readonly text: string; readonly small: string | undefined };

/** A table; a column is at the right where its first cell is a number. */
export function table(caption: string, head: readonly string[], rows: readonly (readonly Cell[])[]): Markup {
  const isNumber = (column: number): boolean => {
    const cell = rows[0]?.[column];
    return typeof cell === "object" && "number" in cell;
  };
  const kind = (column: number): string | undefined => (isNumber(column) ? "number" : undefined);
  const headCells = head.map((text, i) => element("th", { scope: "col", class: kind(i) }, text));
  const bodyRows = rows.map((row) =>
    element(
      "tr",
      {},
      row.map((cell, i) => element("td", { class: kind(i) }, cellContent(cell))),
    ),
  );
  const content = element(
    "table",
    { "aria-label": caption },
    element("thead", {}, element("tr", {}, headCells)),
    element("tbody", {}, bodyRows),
  );
  return element("div", { class: "wide" }, content);
}

function cellContent(cell: Cell): (string | Markup)[] {
  if (typeof cell === "string") return [cell];
  if ("number" in cell) return [cell.number];
  return [cell.text, ...(cell.small === undefined ? [] : [element("small", {}, cell.small)])];
}

export interface PageParts {
  readonly title: string;
  readonly lead: string;
  /** Numbers to be seen first. */
  readonly facts: readonly { readonly value: string; readonly name: string }[];
  readonly sections: readonly Section[];
  readonly footer: string;
}

/** The whole page. */
export function page({ title, lead, facts, sections, footer }: PageParts): string {
  const links = sections.map(({ id, heading }) => [element("a", { href: `#${id}` }, heading), " "]);
  const body = element(
    "body",
    {},
    element(
      "header",
      {},
      element("h1", {}, title),
      element("p", { class: "muted" }, lead),
      element(
        "ul",
        { class: "facts" },
        facts.map(({ value, name }) => element("li", {}, element("b", {}, value), name)),
      ),
      element("nav", { "aria-label": "Sections" }, links),
    ),
    element(
      "main",
      {},
      sections.map(({ id, heading, text, content }) =>
        element(
          "section",
          { id },
          element("h2", {}, heading),
          text === undefined ? undefined : element("p", { class: "muted" }, text),
          content,
        ),
      ),
    ),
    element("footer", {}, footer),
  );
  const head = [
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    // Says to the browser what is true anyway: nothing is loaded and nothing runs.
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">`,
    `<title>${escape(title)}</title>`,
    `<style>${style}${pictureStyle}</style>`,
  ];
  return `<!doctype html>\n<html lang="en"><head>${head.join("\n")}</head>\n${body.text}</html>\n`;
}
