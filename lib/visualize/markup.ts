/** Text of SVG and HTML, built so that nothing from outside becomes markup. */

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Characters that no XML document may contain; a name from a file might. */
// eslint-disable-next-line no-control-regex -- they are what is looked for
const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

/** Markup that is finished: everything in it has been escaped. */
export class Markup {
  constructor(readonly text: string) {}
}

type Content = string | number | Markup | undefined | readonly Content[];

/** Content as markup; strings are escaped, numbers written short. */
export function escape(content: Content): string {
  if (content === undefined) return "";
  if (content instanceof Markup) return content.text;
  if (typeof content === "number") return short(content);
  if (typeof content === "string") return content.replace(forbidden, "\u25a1").replace(/[&<>"']/g, (c) => entities[c]!);
  return content.map(escape).join("");
}

/** Coordinates to a hundredth: nobody sees more, and files stay small. */
export function short(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/**
 * An element. Attributes that are undefined are left out.
 * @example
 * ```ts
 * element("text", { x: 4, y: 10, class: "ink" }, "a < b").text; // <text x="4" y="10" class="ink">a &lt; b</text>
 * ```
 */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number | undefined>> = {},
  ...children: readonly Content[]
): Markup {
  const written = Object.entries(attributes).map(([key, value]) =>
    value === undefined ? "" : ` ${key}="${escape(value)}"`,
  );
  const content = children.map(escape).join("");
  return new Markup(
    `<${name}${written.join("")}${content === "" && !needsEnd.has(name) ? "/>" : `>${content}</${name}>`}`,
  );
}

/** HTML elements that may be empty but need an end tag; all others that are empty here are SVG's, or void. */
const needsEnd: ReadonlySet<string> = new Set(["div", "span", "td", "th", "p", "section", "style", "title"]);
