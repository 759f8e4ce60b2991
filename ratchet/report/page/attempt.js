// SPDX-License-Identifier: Apache-2.0
// attempt.js: one attempt in full.
'use strict';

function measuredFacts(a) {
  const rates = [
    known(a.gflops) ? `${round(a.gflops)} GFLOP/s` : '',
    known(a.gbps) ? `${round(a.gbps)} GB/s` : '',
  ];
  const disturbed = `other programs took ${(100 * a.disturbed_share).toFixed(0)} % of the processors`;
  return [
    ['Units', a.units ? `${a.units}, confirmed by ${a.confirm_units}` : ''],
    ['Evidence', known(a.evidence) ? `E = ${round(a.evidence)}` : ''],
    ['Score', known(a.score) ? round(a.score, 4) : ''],
    ['Latency', known(a.latency_ms) ? `${round(a.latency_ms)} ms` : ''],
    [
      'Utilisation',
      known(a.utilisation) ? `${(100 * a.utilisation).toFixed(1)} % of the roof, ${a.regime}` : '',
    ],
    ['Rate', rates.filter(Boolean).join(', ')],
    ['Counters', a.counters],
    ['Disturbed', a.disturbed_share > 0.02 ? disturbed : ''],
  ];
}

function attemptFacts(a) {
  const from = a.continued_from;
  const facts = [
    ['When', `${date(a.time)} UTC`],
    ['By', a.author],
    ['Weight on', a.focus || 'the mix'],
    ['Path', a.features && a.features !== 'all' ? `${a.features} alone` : ''],
    ...measuredFacts(a),
    ['Continued', from ? h('a', {href: `#attempt-${from}`}, `from attempt ${from}`) : ''],
    ['Took', known(a.seconds) ? duration(a.seconds) : ''],
    [
      'Commits',
      a.attempt ? h('code', {}, `${a.attempt.slice(0, 12)} on ${(a.parent || '–').slice(0, 12)}`) : '',
    ],
    ['Judge', h('code', {}, a.judge.slice(0, 12))],
    ['Machine', a.machine],
  ];
  return h(
    'dl',
    {class: 'sheet'},
    ...facts.filter(([, v]) => v).map(([t, v]) => h('div', {}, h('dt', {}, t), h('dd', {}, v))),
  );
}

function attemptCases(data, a) {
  if (!a.cases.length) return [];
  const slower = (k) => (k[3] < -0.01 ? 'slower' : k[2] < -0.01 ? 'may be > 1 % slower' : '');
  const drawn = (k) => intervalBar(k[1], k[2], k[3], k[3] < 0 ? 'loss' : k[2] > 0 ? 'win' : 'same');
  const columns = [
    {title: 'Case', names: true, cell: (k) => data.cases[k[0]].name},
    {title: 'Faster', class: 'number', cell: (k) => percent(k[1])},
    {said: 'Interval drawn', class: 'picture', cell: drawn},
    {title: '95 % interval', class: 'number fine wide', cell: (k) => interval(k[2], k[3])},
    {title: 'Now, µs', class: 'number', cell: (k) => microseconds(k[4])},
    {title: 'Before, µs', class: 'number wide', cell: (k) => microseconds(k[5])},
    {said: 'Remark', class: 'fine wide', cell: slower},
  ];
  const caption = h('caption', {class: 'hidden'}, `Cases of attempt ${a.experiment}`);
  return [h('h3', {}, 'Cases'), tableOf(caption, columns, a.cases, 'cases')];
}

// A diff line by line: the + and - stay where git put them, colour comes on top.
function diffLines(diff) {
  const kind = (line) =>
    line.startsWith('+')
      ? 'added'
      : line.startsWith('-')
        ? 'removed'
        : line.startsWith('@@')
          ? 'hunk'
          : 'same';
  const out = [];
  let header = true;
  for (const line of diff.split('\n')) {
    if (line.startsWith('diff --git ')) {
      header = true;
      out.push(h('span', {class: 'file'}, `${line.replace(/^diff --git a\/(.*) b\/.*$/, '$1')}\n`));
    } else if (header && !line.startsWith('@@')) {
      if (/^(new|deleted) file|^Binary/.test(line)) out.push(h('span', {class: 'hunk'}, `${line}\n`));
    } else {
      header = false;
      out.push(h('span', {class: kind(line)}, `${line}\n`));
    }
  }
  return out;
}

function attemptDiff(a) {
  if (a.verdict === 'SEAL') return [];
  const whole = h('code', {}, `ratchet show ${a.experiment}`);
  const lines = a.diff
    ? [
        h(
          'pre',
          {class: 'diff', tabindex: 0, role: 'region', 'aria-label': 'Change of the kernel'},
          ...diffLines(a.diff),
        ),
      ]
    : [];
  const note = a.diff_cut
    ? h(
        'p',
        {class: 'note'},
        a.diff ? 'Cut here; ' : 'Left out for its size; ',
        whole,
        ' has the whole change.',
      )
    : known(a.added)
      ? ''
      : h(
          'p',
          {class: 'note'},
          'The commits of this attempt are not here: a shallow clone, or they were collected.',
        );
  return [
    h('h3', {}, 'Change ', known(a.added) ? h('span', {class: 'fine'}, `+${a.added} −${a.removed}`) : ''),
    ...lines,
    note,
  ];
}

// `neighbours`: the numbers that the arrows lead to.
function attemptHead(a, neighbours, close) {
  const step = (n, text, label) =>
    h(
      'a',
      {
        class: 'step',
        href: n ? `#attempt-${n}` : null,
        'aria-label': label,
        'aria-disabled': n ? null : 'true',
        role: n ? null : 'link',
      },
      text,
    );
  return h(
    'div',
    {class: 'head'},
    h(
      'h2',
      {id: 'attempt-title', tabindex: -1},
      `${a.verdict === 'SEAL' ? 'Row' : 'Attempt'} ${a.experiment}`,
    ),
    badge(a),
    h(
      'span',
      {class: 'steps'},
      step(neighbours[0], '←', 'Previous attempt'),
      step(neighbours[1], '→', 'Next attempt'),
      h('button', {type: 'button', onclick: close}, 'Close'),
    ),
  );
}

function attemptPane(data, a, neighbours, close) {
  const measured = known(a.estimate)
    ? h(
        'p',
        {class: 'big'},
        h('b', {}, percent(a.estimate)),
        h('span', {}, ` faster, ${interval(a.low, a.high)} (95\u00a0%)`),
      )
    : '';
  return [
    attemptHead(a, neighbours, close),
    h(
      'div',
      {class: 'body'},
      h('p', {class: 'hypothesis'}, a.hypothesis),
      measured,
      a.reason ? h('p', {}, h('span', {class: 'tag'}, 'Seen'), a.reason) : '',
      a.next ? h('p', {}, h('span', {class: 'tag'}, 'Next'), a.next) : '',
      attemptFacts(a),
      ...attemptCases(data, a),
      ...attemptDiff(a),
    ),
  ];
}
