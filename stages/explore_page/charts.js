// One kind of chart, drawn by Vega, for all panels: what is drawn is data, so that a move of a
// slider only changes data.

/**
 * A curve, or with `y2` an area: `points` in order, a gap where y is null.
 * @typedef {{points: {x: number, y: number|null, y2?: number}[], colour: string, width?: number,
 *   dash?: number[], opacity?: number, fill?: string}} Line
 */

/**
 * @typedef {{x: number, y: number, colour: string, shape?: string, hollow?: boolean,
 *   size?: number}} Mark
 */

/** @typedef {{x: number, y: number, text: string, colour?: string, align?: string, dy?: number}}
 *   Label */

/** @typedef {{lines: Line[], marks?: Mark[], labels?: Label[]}} Drawing */

/**
 * An axis: `values` are its ticks, `label` the expression that names one.
 * @typedef {{domain: number[], log?: boolean, title?: string, values?: number[], label?: string}}
 *   Axis
 */

const TEXT = matchMedia("(min-width: 1700px)").matches ? 13 : 11;  // a projector is far away
const PADDING = { left: 4.9 * TEXT, right: 14, top: 10, bottom: 16 + 2 * TEXT };
const MARGIN = { left: 4, right: 4, top: 4, bottom: 4 };  // where there are no axes
const CROSS = "M-.6,-.6L.6,.6M.6,-.6L-.6,.6";

/** A chart that stays: it is drawn again with other data, and fits its place. */
class Chart {
  /**
   * @param {HTMLElement} place
   * @param {any} view  of Vega
   * @param {typeof PADDING} padding  around it
   */
  constructor(place, view, padding) {
    this.place = place;
    this.view = view;
    this.padding = padding;
    this.fit();
    this.observer = new ResizeObserver(() => { if (this.fit()) this.view.run(); });
    this.observer.observe(place);
  }

  /** Make room for another chart in its place. */
  end() {
    this.observer.disconnect();
    this.view.finalize();
    this.place.replaceChildren();
  }

  /**
   * @param {HTMLElement} place
   * @param {Axis} x
   * @param {Axis|null} y  null: none is drawn, and y goes from 0 at the top to 1
   */
  static async in(place, x, y) {
    const { view } = await vegaEmbed(place, specification(x, y), {
      mode: "vega", renderer: "svg", actions: false, hover: false, tooltip: false,
      defaultStyle: false,
      expressionFunctions: { told, power },
    });
    return new Chart(place, view, y ? PADDING : MARGIN);
  }

  /** Take up the room of the place; whether that has changed. */
  fit() {
    const { left, right, top, bottom } = this.padding;
    const width = Math.max(50, this.place.clientWidth - left - right);
    const height = Math.max(50, this.place.clientHeight - top - bottom);
    if (width === this.view.width() && height === this.view.height()) return false;
    this.view.width(width).height(height);
    return true;
  }

  /**
   * @param {Drawing} drawing
   * @param {string} words  the same for who cannot see it
   * @param {{x?: number[], y?: number[], ticks?: number[]}} [axes]  other ends, other ticks
   */
  draw({ lines, marks = [], labels = [] }, words, axes = {}) {
    const rows = lines.flatMap((line, series) => line.points.map(point => ({
      ...point, series, colour: line.colour, width: line.width ?? 2, dash: line.dash ?? null,
      opacity: line.opacity ?? 1, fill: line.fill ?? null,
    })));
    const { view } = this;
    if (axes.x) view.signal("xs", axes.x);
    if (axes.y) view.signal("ys", axes.y);
    if (axes.ticks) view.signal("ticks", axes.ticks);
    view.data("areas", rows.filter(row => row.fill));
    view.data("lines", rows.filter(row => !row.fill));
    view.data("marks", marks.map(mark => ({ shape: "circle", size: 45, hollow: false, ...mark })));
    view.data("labels", labels.map(label => ({ align: "left", dy: -5, colour: "var(--soft)", ...label })));
    view.run();
    this.place.setAttribute("aria-label", words);
  }
}

/**
 * @param {Axis} x
 * @param {Axis|null} y
 */
function specification(x, y) {
  const scale = (/** @type {string} */ name, /** @type {string} */ ends, /** @type {Axis} */ axis,
    /** @type {string} */ range) =>
    ({ name, type: axis.log ? "log" : "linear", domain: { signal: ends }, range, zero: false });
  const place = { x: { scale: "x", field: "x" }, y: { scale: "y", field: "y" } };
  const shown = { signal: "isValid(datum.y)" };
  const paths = (/** @type {string} */ type, /** @type {string} */ from,
    /** @type {object} */ look) => ({
    type: "group", clip: true, interactive: false, aria: false,
    from: { facet: { name: `${from}_of`, data: from, groupby: "series" } },
    encode: { update: { width: { signal: "width" }, height: { signal: "height" } } },
    marks: [{ type, from: { data: `${from}_of` }, interactive: false, aria: false,
      encode: { update: { ...place, defined: shown, ...look } } }],
  });
  const axis = (/** @type {string} */ scale, /** @type {string} */ orient,
    /** @type {Axis} */ of) => ({
    scale, orient, title: of.title, grid: true, aria: false, tickSize: 4, labelPadding: 3, titlePadding: 5,
    values: scale === "x" ? { signal: "ticks" } : of.values,
    labelOverlap: scale === "x", titleFontWeight: "normal",
    ...(scale === "y" ? { titleX: TEXT + 4 - PADDING.left } : {}),
    encode: { labels: { update: { text: { signal: of.label ?? "told(datum.value)" } } } },
  });
  return {
    width: 300, height: 150, padding: y ? PADDING : MARGIN, autosize: "none",
    config: {
      aria: false, group: { fill: null, stroke: null }, view: { stroke: null },
      axis: { labelColor: "var(--soft)", titleColor: "var(--soft)", gridColor: "var(--grid)",
        domainColor: "var(--soft)", tickColor: "var(--soft)", labelFontSize: TEXT,
        titleFontSize: TEXT + 1, labelFont: "system-ui, sans-serif", titleFont: "system-ui, sans-serif" },
    },
    signals: [
      { name: "xs", value: x.domain }, { name: "ys", value: y ? y.domain : [1, 0] },
      { name: "ticks", value: x.values ?? null },
    ],
    data: [{ name: "areas" }, { name: "lines" }, { name: "marks" }, { name: "labels" }],
    scales: [scale("x", "xs", x, "width"), scale("y", "ys", y ?? { domain: [] }, "height")],
    axes: y ? [axis("x", "bottom", x), axis("y", "left", y)] : [],
    marks: [
      paths("area", "areas", {
        y2: { scale: "y", field: "y2" }, fill: { field: "fill" },
        fillOpacity: { field: "opacity" }, stroke: { field: "colour" },
        strokeWidth: { field: "width" }, strokeDash: { field: "dash" },
      }),
      paths("line", "lines", {
        stroke: { field: "colour" }, strokeWidth: { field: "width" },
        strokeDash: { field: "dash" }, strokeOpacity: { field: "opacity" },
      }),
      {
        type: "symbol", from: { data: "marks" }, interactive: false, aria: false,
        encode: { update: {
          ...place, shape: { field: "shape" }, size: { field: "size" }, strokeWidth: { value: 1.6 },
          stroke: { field: "colour" },
          fill: { signal: "datum.hollow ? 'var(--card)' : datum.colour" },
        } },
      },
      {
        type: "text", from: { data: "labels" }, interactive: false, aria: false,
        encode: { update: {
          ...place, text: { field: "text" }, align: { field: "align" }, dx: { signal:
            "datum.align == 'left' ? 4 : datum.align == 'right' ? -4 : 0" }, dy: { field: "dy" },
          fill: { field: "colour" }, fontSize: { value: TEXT },
          font: { value: "system-ui, sans-serif" },
        } },
      },
    ],
  };
}
