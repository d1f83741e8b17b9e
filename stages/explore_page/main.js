// The beginning: what is packed is unpacked, then all is made and drawn.

/** Charts with the axes on which all sweeps lie. */
async function makeCharts() {
  const place = (/** @type {string} */ id) =>
    /** @type {HTMLElement} */ (document.querySelector(`#${id} .chart`));
  const all = sweeps.flatMap(({ sigmas, named }) =>
    [...sigmas, ...named.flatMap(({ sigmas: span }) => span ?? [])]);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const margin = high > low ? (high / low) ** 0.03 : 3;
  ends.sigma = [low / margin, high * margin];
  const shares = { domain: [0, 100], values: [0, 25, 50, 75, 100], label: "datum.value + ' %'" };
  charts.accuracy = await Chart.in(element("accuracy"), { ...decades(all), domain: ends.sigma, log: true,
    values: tens(ends.sigma), title: "σ, standard deviation of the initial weights" },
    shares);
  charts.curves = await Chart.in(place("curves"), { domain: [0, 1], title: "epoch" },
    shares);
  const titles = { gradients: "norm", moved: "× initial norm", activations: "root mean square" };
  for (const quantity of LAYERED) {
    const theory = sweeps.flatMap(({ theory }) =>
      theory && quantity in theory ? theory[/** @type {"gradients"} */ (quantity)].flat() : []);
    const scale = quantity === "dead" ? { ...shares, domain: [-3, 103] }
      : { ...decades([...sweeps.flatMap(of => of[quantity].flat(2)), ...theory]), log: true,
        label: "power(datum.value)", title: titles[quantity] };
    ends[quantity] = scale.domain;
    charts[quantity] = await Chart.in(place(quantity),
      { domain: [0, 1], title: layersAcross() ? "layer" : "epoch" }, scale);
  }
  charts.weights = await Chart.in(place("weights"), { domain: [-1, 1] }, null);
}

/**
 * The powers of ten between two ends, or where these are few what lies between, too.
 * @param {number[]} ends
 */
function tens([low, high]) {
  const exponents = wholes(Math.floor(Math.log10(low)), Math.floor(Math.log10(high)));
  const powers = exponents.map(exponent => 10 ** exponent).filter(tick => tick >= low);
  if (powers.length > 2) return powers;
  return exponents.flatMap(exponent => [1, 1.2, 1.5, 2, 3, 5, 7].map(by => by * 10 ** exponent))
    .filter(tick => low <= tick && tick <= high);
}

/** A button for each sweep, where there are several. */
function makeVariants() {
  const radios = sweeps.map((sweep, i) => {
    const radio = made("input", { type: "radio", name: "variant", id: `variant-${i}` });
    radio.addEventListener("change", () => chooseVariant(i));
    return made("label", {}, radio, sweep.name);
  });
  element("choices").replaceChildren(...(radios.length > 1 ? radios : []));
}

/**
 * The sweeps of a page, whose pictures are added to `pixels`.
 * @param {Document} of
 * @returns {Promise<Page>}
 */
async function readPage(of) {
  /** @type {Page} */
  const read = JSON.parse(textOf(await unpacked(of, "packed-data")));
  const pictures = await unpacked(of, "packed-pixels"), begin = pixels.length;
  for (const { units, digits } of read.sweeps) {
    if (units) units.places = units.places.map(places => places.map(place => begin + place));
    if (digits) digits.place += begin;
  }
  const joined = new Uint8Array(begin + pictures.length);
  joined.set(pixels);
  joined.set(pictures, begin);
  pixels = joined;
  return read;
}

/**
 * Add the sweeps of another such page, to be compared with those that are here.
 * @param {File} file
 */
async function addPage(file) {
  const status = element("added");
  try {
    const other = new DOMParser().parseFromString(await file.text(), "text/html");
    const added = (await readPage(other)).sweeps;
    for (const sweep of sweeps) sweep.name ||= "this page";
    for (const sweep of added) {
      const base = sweep.name || file.name.replace(/\.html$/, "");
      const taken = (/** @type {string} */ name) => sweeps.some(of => of.name === name);
      for (let i = 2, name = base; ; name = `${base} ${i++}`)
        if (!taken(name)) { sweep.name = name; break; }
      sweeps.push(sweep);
    }
    status.textContent = "";
    Object.values(charts).forEach(chart => chart.end());
    makeVariants();
    await makeCharts();
    drawnVariant = -1;
    draw();
  } catch {
    status.textContent = `${file.name} is no page of this kind.`;
  }
}

async function begin() {
  const code = document.createElement("script");
  code.textContent = textOf(await unpacked(document, "packed-vega"));
  document.head.append(code);  // runs now
  const page = await readPage(document);
  ({ sweeps } = page);
  const start = { variant: 0, sigma: sweeps[0].best, pin: null };
  state = parsed(location.hash, sweeps, { ...start, moment: sweeps[0].moments.length - 1 });
  link = location.hash;
  element("tour").append(...page.tour.map(({ text, state: asked }) =>
    made("li", {}, made("a", { href: `#${new URLSearchParams(asked)}` }, text))));
  makeVariants();
  await makeCharts();
  listen();
  draw();
}

document.addEventListener("DOMContentLoaded", begin);
