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
 * The powers of ten between two ends; where there are none, both ends.
 * @param {number[]} ends
 */
function tens([low, high]) {
  const ticks = [];
  const [first, last] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))];
  for (let exponent = first; exponent <= last; exponent++) ticks.push(10 ** exponent);
  return ticks.length > 1 ? ticks : [low, high];
}

function makeControls() {
  if (sweeps.length > 1)
    element("variants").append(...sweeps.map((sweep, i) => {
      const radio = made("input", { type: "radio", name: "variant", id: `variant-${i}` });
      radio.addEventListener("change", () => chooseVariant(i));
      return made("label", {}, radio, sweep.name);
    }));
  else element("variants").hidden = true;
  element("tour").append(...page.tour.map(({ text, state: asked }) =>
    made("li", {}, made("a", { href: `#${new URLSearchParams(asked)}` }, text))));
}

async function begin() {
  const code = document.createElement("script");
  code.textContent = await unpackedText("packed-vega");
  document.head.append(code);  // runs now
  page = JSON.parse(await unpackedText("packed-data"));
  pixels = new Uint8Array(await unpacked("packed-pixels"));
  ({ sweeps } = page);
  const start = { variant: 0, sigma: sweeps[0].best, moment: Infinity, pin: null };
  state = parsed(location.hash, sweeps, { ...start, moment: sweeps[0].moments.length - 1 });
  link = location.hash;
  makeControls();
  await makeCharts();
  listen();
  draw();
}

document.addEventListener("DOMContentLoaded", begin);
