// SPDX-License-Identifier: Apache-2.0
// roofline.js: where each case stands under the ceilings of the machine, and how far from its own roof.
'use strict';

// Cases of the newest whole record. The kernel that is there now is the candidate of a win and the
// incumbent of anything else.
function rooflinePoints(data) {
  const roof = data.roofline;
  if (!roof) return [];
  const attempt = data.attempts.find((a) => a.experiment === roof.experiment);
  return attempt.cases
    .map((k) => {
      const c = data.cases[k[0]],
        ns = roof.verdict === 'WIN' ? k[4] : k[5],
        floor = k[6];
      return {
        name: c.name,
        op: c.op,
        threads: c.threads,
        weight: c.weight,
        ns,
        floor,
        regime: k[7],
        distance: floor > 0 ? ns / floor : null,
        intensity: c.ops && c.bytes ? c.ops / c.bytes : null,
        rate: c.ops && ns > 0 ? c.ops / ns : null,
        roof: c.ops && floor > 0 ? c.ops / floor : null,
      };
    })
    .sort((a, b) => (a.intensity ?? 1e9) - (b.intensity ?? 1e9))
    .map((p, i) => ({...p, key: String(i + 1)}));
}

const CEILINGS = [
  ['int8_gops', 'int8'],
  ['bf16_gflops', 'bf16'],
  ['f32_gflops', 'f32'],
];
const LEVELS = ['L1', 'L2', 'L3', 'DRAM'];

function drawRoofline(figure, data, width) {
  const points = rooflinePoints(data).filter((p) => p.intensity && p.rate);
  const peaks = data.roofline.peaks.rows[0];
  if (!points.length || !peaks) return figure.replaceChildren();
  const f = frame(
    width,
    Math.max(320, Math.min(440, width * 0.8)),
    {left: 46, right: 12, top: 30, bottom: 42},
    'Roofline: operations per second over operations per byte',
  );
  const rates = points
    .flatMap((p) => [p.rate, p.roof || p.rate])
    .concat(CEILINGS.map(([key]) => peaks[key]).filter((v) => v > 0));
  const x = d3.scaleLog(
    [d3.min(points, (p) => p.intensity) / 2, d3.max(points, (p) => p.intensity) * 3],
    [f.left, f.right],
  );
  const y = d3.scaleLog([d3.min(rates) / 2.5, d3.max(rates) * 2], [f.bottom, f.top]);
  gridlines(f, y, decades(y.domain()));
  drawCeilings(f, x, y, peaks);
  axis(f, x, 'bottom', {
    ticks: decades(x.domain()),
    minor: logMinor(x.domain()),
    format: (v) => round(v),
    label: 'operations per byte',
  });
  axis(f, y, 'left', {
    ticks: decades(y.domain()),
    minor: logMinor(y.domain()),
    format: (v) => round(v),
    label: '10⁹ operations per second',
  });
  f.svg.append(...points.map((p) => casePoint(p, x, y)), ...caseLabels(points, x, y));
  figure.replaceChildren(f.svg);
}

function decades([low, high]) {
  const out = [];
  for (let e = Math.ceil(Math.log10(low)); 10 ** e <= high; e++) out.push(10 ** e);
  return out;
}
function logMinor([low, high]) {
  const out = [];
  for (let e = Math.floor(Math.log10(low)); 10 ** e <= high; e++)
    for (let k = 2; k < 10; k++) if (k * 10 ** e >= low && k * 10 ** e <= high) out.push(k * 10 ** e);
  return out;
}

// Slanted: bandwidth of each level, to where the highest ceiling stops it. Level: peaks by number type.
function drawCeilings(f, x, y, peaks) {
  const [low, high] = x.domain(),
    top = Math.max(...CEILINGS.map(([key]) => peaks[key] || 0));
  const g = s('g', {class: 'ceilings', 'aria-hidden': 'true'});
  for (const level of LEVELS) {
    const gbps = peaks.read_gbps[level];
    if (!(gbps > 0)) continue;
    const start = Math.max(low, y.domain()[0] / gbps),
      end = Math.min(high, top / gbps);
    if (end <= start) continue;
    g.append(s('path', {d: `M${x(start)},${y(start * gbps)}L${x(end)},${y(end * gbps)}`}));
    const at = start * (end / start) ** 0.03,
      angle = (Math.atan2(y(end * gbps) - y(start * gbps), x(end) - x(start)) * 180) / Math.PI;
    g.append(
      s(
        'text',
        {transform: `translate(${x(at)},${y(at * gbps) - 5}) rotate(${angle})`},
        `${level} ${round(gbps)} GB/s`,
      ),
    );
  }
  for (const [key, name] of CEILINGS)
    if (peaks[key] > 0) {
      const start = Math.min(high, Math.max(low, peaks[key] / (peaks.read_gbps.L1 || top)));
      g.append(
        s('path', {d: `M${x(start)},${y(peaks[key])}H${f.right}`}),
        s('text', {x: x(start) + 6, y: y(peaks[key]) - 5}, `${name} ${round(peaks[key])}`),
      );
    }
  f.svg.append(g);
}

// A point, and a stem up to the case's own roof.
function casePoint(p, x, y) {
  const at = x(p.intensity),
    from = y(p.rate),
    g = s('g', {class: `case ${p.regime}`, 'aria-hidden': 'true'});
  g.append(s('title', {}, `${p.name}: ${round(p.rate)} of ${round(p.roof)} · 10⁹ operations per second`));
  if (p.roof) g.append(s('path', {class: 'stem', d: `M${at},${from}V${y(p.roof)}M${at - 4},${y(p.roof)}h8`}));
  g.append(s('circle', {cx: at, cy: from, r: 4.5}));
  return g;
}

// The numbers by which the table names the points: each beside its own, clear of the others.
function caseLabels(points, x, y) {
  const taken = points.map((p) => ({x: x(p.intensity), y: y(p.rate), w: 5, h: 5}));
  const clear = (a) =>
    taken.every((b) => Math.abs(a.x - b.x) >= a.w + b.w || Math.abs(a.y - b.y) >= a.h + b.h);
  const around = [
    [12, 0],
    [-12, 0],
    [10, 10],
    [-10, 10],
    [10, -10],
    [-10, -10],
    [0, 13],
    [22, 0],
    [-22, 0],
    [20, 11],
    [-20, 11],
    [0, 24],
  ];
  return points.map((p) => {
    const boxes = around.map(([dx, dy]) => ({
      x: x(p.intensity) + dx,
      y: y(p.rate) + dy,
      w: p.key.length > 1 ? 6 : 4,
      h: 5,
    }));
    const box = boxes.find(clear) || boxes[0];
    taken.push(box);
    return s(
      'text',
      {class: 'key', x: box.x, y: box.y + 3.5, 'text-anchor': 'middle', 'aria-hidden': 'true'},
      p.key,
    );
  });
}

function distanceBar(distance) {
  const x = Math.min(1, Math.log2(Math.max(1, distance)) / Math.log2(16));
  return s(
    'svg',
    {class: 'distance', viewBox: '0 0 60 10', width: 60, height: 10, 'aria-hidden': 'true'},
    s('path', {class: 'range', d: `M0,5H${60 * x}`}),
    s('path', {class: 'zero', d: 'M0.5,0V10'}),
  );
}

function rooflineTable(data) {
  const columns = [
    {said: 'Number in the chart', class: 'key', cell: (p) => (p.intensity ? p.key : '–')},
    {title: 'Case', names: true, cell: (p) => p.name},
    {title: 'Wall', cell: (p) => p.regime},
    {title: 'Ops/byte', class: 'number wide', cell: (p) => round(p.intensity)},
    {title: 'µs', class: 'number', cell: (p) => microseconds(p.ns)},
    {title: '10⁹ ops/s', class: 'number wide', cell: (p) => round(p.rate)},
    {title: '× its floor', class: 'number', cell: (p) => (known(p.distance) ? p.distance.toFixed(1) : '–')},
    {said: 'Distance', class: 'wide', cell: (p) => (known(p.distance) ? distanceBar(p.distance) : '')},
  ];
  return tableOf(
    h('caption', {class: 'hidden'}, 'Distance of each case from its roofline floor'),
    columns,
    rooflinePoints(data),
    'distances',
  );
}

function rooflineLead(data) {
  const r = data.roofline;
  if (!r) return 'No record with measured peaks yet: the first measured experiment draws this.';
  return `Where HEAD’s kernel stood when attempt ${r.experiment} was judged (${date(r.time)} UTC), under the ceilings of one thread measured with it. A stem ends at the case’s own roof: what its bytes and operations allow at least.`;
}
