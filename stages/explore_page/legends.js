// What colours, lines and marks mean.

/** The lines and marks that a legend names, drawn small.
 * @param {string} colour
 * @param {{dash?: string, mark?: string, area?: boolean, hollow?: boolean, thick?: boolean}} look */
function swatch(colour, { dash, mark, area, hollow, thick } = {}) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 22 10");
  svg.setAttribute("aria-hidden", "true");
  const shapes = /** @type {Record<string, string>} */ ({
    circle: "M7,5a4,4 0 1 0 8,0a4,4 0 1 0 -8,0", square: "M7.5,1.5h7v7h-7z",
    "triangle-up": "M11,1l4.5,8h-9z", diamond: "M11,0l4.5,5l-4.5,5l-4.5,-5z" });
  const path = (/** @type {string} */ d, /** @type {Record<string, string>} */ attributes) => {
    const drawn = document.createElementNS("http://www.w3.org/2000/svg", "path");
    for (const [key, value] of Object.entries({ d, ...attributes })) drawn.setAttribute(key, value);
    svg.append(drawn);
  };
  if (area) path("M0,0h22v10h-22z", { fill: colour, "fill-opacity": "0.3" });
  else if (!hollow) path("M0,5h22", { stroke: colour, "stroke-width": thick ? "4" : "2",
    "stroke-dasharray": dash ?? "" });
  if (mark) path(shapes[mark], { fill: hollow ? "none" : colour, stroke: colour });
  return svg;
}

/**
 * @param {Element|null} list
 * @param {[SVGElement, string][]} entries
 */
function legend(list, entries) {
  list?.replaceChildren(...entries.map(([drawn, text]) => made("li", {}, drawn, text)));
}

/** What colours and lines mean in each panel, of the chosen sweep. */
function drawLegends() {
  const sweep = current(), many = layersAcross();
  legend(element("key"), [
    [swatch("var(--test)"), `test accuracy at the end, ${sweep.final.spread}`],
    [swatch("var(--chosen)", { mark: "circle", hollow: true }), "at the chosen epoch"],
    ...(sweep.window ? /** @type {[SVGElement, string][]} */ ([[swatch("var(--window)",
      { area: true }), "within a point of the best"]]) : []),
    [swatch("var(--soft)", { dash: "5 2 1 2" }), `chance, ${percent(sweep.chance)}`],
    ...(sweep.named.length ? /** @type {[SVGElement, string][]} */ ([[swatch("var(--ink)",
      { thick: true }), `named: ${sweep.named.map(({ name, test }) =>
      `${name} ${percent(test)}`).join(", ")}`]]) : []),
    ...(sweeps.length > 1 && sweeps.length <= FEW ? /** @type {[SVGElement, string][]} */ ([[
      swatch("var(--before)", { dash: "4 3" }), "other variants"]]) : []),
  ]);
  legend(document.querySelector("#curves .legend"), [
    [swatch("var(--test)", { mark: "square" }), "test"],
    [swatch("var(--training)", { mark: "circle" }), "training"]]);
  legend(document.querySelector("#weights .legend"), [
    [swatch("var(--before)", { area: true }), "before training"],
    [swatch("var(--layer-0)", { area: true }), "now"]]);
  for (const list of document.querySelectorAll(".legend.layers")) {
    const panel = list.closest("article")?.id;
    const theory = sweep.theory && (panel === "gradients" || panel === "activations");
    const layers = panel === "dead" ? sweep.layers.slice(0, -1) : sweep.layers;
    /** @type {[SVGElement, string][]} */
    const entries = many ? [[swatch("var(--layer-0)"), "now"],
      [swatch("var(--before)"), "before training"]]
      : layers.map((layer, i) => [swatch(colourOf(sweep, i), { mark: SHAPES[i] }), layer]);
    if (theory) entries.push([swatch("var(--soft)", { mark: many ? "diamond" : "circle",
      hollow: true }), "theory"]);
    legend(list, entries);
  }
}
