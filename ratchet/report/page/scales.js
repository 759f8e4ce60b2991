// SPDX-License-Identifier: Apache-2.0
// scales.js: what the charts share: a frame with axes, points that are links, redrawing on resize.
'use strict';

const hasCharts = typeof d3 !== 'undefined';
const drawn = new Map(); // figure -> its draw function

// Call draw(width) now and whenever the figure's width changes.
const watcher =
  typeof ResizeObserver === 'undefined'
    ? null
    : new ResizeObserver((entries) => {
        for (const e of entries) {
          const entry = drawn.get(e.target),
            width = Math.round(e.contentRect.width);
          if (entry && width > 0 && width !== entry.width) redraw(e.target);
        }
      });
function redraw(figure) {
  const entry = drawn.get(figure);
  entry.width = Math.round(figure.clientWidth);
  if (entry.width > 0) entry.draw(entry.width);
}
function chart(figure, draw) {
  const fresh = !drawn.has(figure);
  drawn.set(figure, {draw, width: 0});
  redraw(figure);
  if (fresh && watcher) watcher.observe(figure);
}

function frame(width, height, margin, label) {
  const svg = s('svg', {
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: 'group',
    'aria-label': label,
    class: 'chart',
  });
  return {
    svg,
    width,
    height,
    left: margin.left,
    right: width - margin.right,
    top: margin.top,
    bottom: height - margin.bottom,
  };
}

// An axis of fine ticks; `label` stands at its end.
function axis(f, scale, side, {ticks, format, minor, label}) {
  const bottom = side === 'bottom';
  const g = s('g', {
    class: 'axis',
    'aria-hidden': 'true',
    transform: bottom ? `translate(0,${f.bottom})` : `translate(${f.left},0)`,
  });
  const make = bottom ? d3.axisBottom(scale) : d3.axisLeft(scale);
  if (minor) {
    const fine = (bottom ? d3.axisBottom(scale) : d3.axisLeft(scale))
      .tickValues(minor)
      .tickFormat('')
      .tickSize(3);
    const under = s('g', {class: 'minor'});
    g.append(under);
    d3.select(under).call(fine);
  }
  const main = s('g', {class: 'major'});
  g.append(main);
  d3.select(main).call(
    (Array.isArray(ticks) ? make.tickValues(ticks) : make.ticks(ticks))
      .tickFormat(format)
      .tickSize(6)
      .tickPadding(5),
  );
  if (label)
    g.append(
      bottom
        ? s('text', {class: 'label', x: f.right, y: 34, 'text-anchor': 'end'}, label)
        : s('text', {class: 'label', x: -f.left + 2, y: 12, 'text-anchor': 'start'}, label),
    );
  f.svg.append(g);
}

function gridlines(f, scale, values) {
  const d = values.map((v) => `M${f.left},${scale(v)}H${f.right}`).join('');
  f.svg.append(s('path', {class: 'grid', d, 'aria-hidden': 'true'}));
}

// Round values of a factor between two logarithms: 1, 1.2, 1.5, 2, ...
function factorTicks(low, high) {
  if (high - low > Math.log(6)) {
    const series = d3
      .range(-3, 4)
      .flatMap((e) => [1, 2, 5].map((k) => Math.log(k) + e * Math.LN10))
      .filter((v) => v >= low && v <= high);
    return {major: series, minor: [], format: (v) => `${Number(Math.exp(v).toFixed(2))}×`};
  }
  const steps = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20];
  const span = Math.exp(high) - Math.exp(low),
    step = steps.find((t) => span / t <= 7) || 50;
  const out = [];
  for (let v = Math.ceil(Math.exp(low) / step) * step; v <= Math.exp(high) * (1 + 1e-9); v += step)
    if (v > 0) out.push(Math.log(v));
  return {
    major: out,
    minor: out
      .flatMap((v) => [1, 2, 3, 4].map((k) => Math.log(Math.exp(v) + (k * step) / 5)))
      .filter((v) => v <= high),
    format: (v) => `${Number(Math.exp(v).toFixed(2))}×`,
  };
}

// A group of links, one tab stop, which is the last that had the focus: the arrow keys move along them,
// Enter follows.
function pointList(label, points) {
  const g = s('g', {class: 'points', role: 'list', 'aria-label': label});
  let stop = 0;
  points.forEach((p, i) => {
    if (i) p.setAttribute('tabindex', '-1');
    g.append(s('g', {role: 'listitem'}, p));
  });
  g.addEventListener('focusin', (event) => {
    const at = points.indexOf(event.target.closest('a'));
    points[stop].setAttribute('tabindex', '-1');
    points[at].setAttribute('tabindex', '0');
    stop = at;
  });
  g.addEventListener('keydown', (event) => {
    const to = {
      ArrowRight: stop + 1,
      ArrowUp: stop + 1,
      ArrowLeft: stop - 1,
      ArrowDown: stop - 1,
      Home: 0,
      End: points.length - 1,
    }[event.key];
    if (to === undefined || to < 0 || to >= points.length) return;
    event.preventDefault();
    points[to].focus();
  });
  return g;
}
const attemptLink = (n, attributes, ...children) =>
  s('a', {href: `#attempt-${n}`, ...attributes}, ...children);
