// SPDX-License-Identifier: Apache-2.0
// attempt.js: one attempt in full.
'use strict';

function attemptFacts(a) {
  const facts = [
    ['When', `${date(a.time)} UTC`],
    ['By', a.author],
    ['Weight on', a.focus || 'the mix'],
    ['Path', a.features && a.features !== 'all' ? `${a.features} alone` : ''],
    ['Units', a.units ? `${a.units}, confirmed by ${a.confirm_units}` : ''],
    ['Evidence', known(a.evidence) ? `E = ${round(a.evidence)}` : ''],
    ['Score', known(a.score) ? round(a.score, 4) : ''],
    ['Latency', known(a.latency_ms) ? `${round(a.latency_ms)} ms` : ''],
    [
      'Utilisation',
      known(a.utilisation) ? `${(100 * a.utilisation).toFixed(1)} % of the roof, ${a.regime}` : '',
    ],
    [
      'Rate',
      [known(a.gflops) ? `${round(a.gflops)} GFLOP/s` : '', known(a.gbps) ? `${round(a.gbps)} GB/s` : '']
        .filter(Boolean)
        .join(', '),
    ],
    ['Counters', a.counters],
    [
      'Disturbed',
      a.disturbed_share > 0.02
        ? `other programs took ${(100 * a.disturbed_share).toFixed(0)} % of the processors`
        : '',
    ],
    [
      'Continued',
      a.continued_from
        ? h('a', {href: `#attempt-${a.continued_from}`}, `from attempt ${a.continued_from}`)
        : '',
    ],
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
  const rows = a.cases.map((k) =>
    h(
      'tr',
      {},
      h('th', {scope: 'row'}, data.cases[k[0]].name),
      h('td', {class: 'number'}, percent(k[1])),
      h(
        'td',
        {class: 'picture'},
        intervalBar(k[1], k[2], k[3], k[3] < 0 ? 'loss' : k[2] > 0 ? 'win' : 'same'),
      ),
      h('td', {class: 'number fine wide'}, interval(k[2], k[3])),
      h('td', {class: 'number'}, microseconds(k[4])),
      h('td', {class: 'number wide'}, microseconds(k[5])),
      h('td', {class: 'fine wide'}, slower(k)),
    ),
  );
  const head = [
    ['Case'],
    ['Faster', 'number'],
    ['', 'picture'],
    ['95 % interval', 'number wide'],
    ['Now, µs', 'number'],
    ['Before, µs', 'number wide'],
    ['', 'wide'],
  ];
  return [
    h('h3', {}, 'Cases'),
    h(
      'table',
      {class: 'cases'},
      h('caption', {class: 'hidden'}, `Cases of attempt ${a.experiment}`),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ...head.map(([t, c], i) =>
            h('th', {scope: 'col', class: c}, t || hidden(i === 2 ? 'Interval drawn' : 'Remark')),
          ),
        ),
      ),
      h('tbody', {}, ...rows),
    ),
  ];
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

function attemptPane(data, a, neighbours, close) {
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
  const measured = known(a.estimate)
    ? h(
        'p',
        {class: 'big'},
        h('b', {}, percent(a.estimate)),
        h('span', {}, ` faster, ${interval(a.low, a.high)} (95\u00a0%)`),
      )
    : '';
  return [
    h(
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
    ),
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
