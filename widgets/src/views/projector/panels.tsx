/** What stands beside the points: legend, variance, the picked point; and the pages before there are any. */

import { Button, Empty, Failure, show, t, Tabs } from '../../chrome';
import { css } from '../../engines/heatmap_lut';
import { percent, short } from '../../engines/bins_ticks';
import { VALUES, type Colouring, type Palette } from '../../engines/points_palette';
import type { Projection } from '../../store/types';
import { agreement, axisName, nameOf, wordOf, type Layer, type Near } from './model';
import type { Metric } from './near';

/** Labels with their colours and counts; a pressed one stays bright alone. With a selection the counts are those inside it. */
export function Legend({ what, colours, palette, alone, inside, names, onAlone }: {
  what: string; names?: Record<string, string> | undefined; colours: Colouring; palette: Palette; alone: number | null; inside: Map<number, number> | null; onAlone(label: number | null): void;
}) {
  if (colours.kind === 'none') return null;
  if (colours.kind === 'value') {
    const ends = colours.range.map(v => show(v, 3)) as [string, string], stops = Array.from({ length: 9 }, (_, i) => css(palette.colours[Math.round((i * (VALUES - 1)) / 8)]!));
    return (
      <div class="ts-proj-card">
        <h2>{what}</h2>
        <div class="ts-proj-ramp" style={{ background: `linear-gradient(to right, ${stops.join(', ')})` }} role="img" aria-label={t('colours from {0} to {1}', ...ends)} />
        <div class="ts-proj-ends" aria-hidden="true"><span>{ends[0]}</span><span>{ends[1]}</span></div>
      </div>
    );
  }
  const long = colours.labels.some((l) => wordOf(l.label, names).length > 4);
  return (
    <div class="ts-proj-card" role="group" aria-label={t('Labels')}>
      <h2>{what}</h2>
      <div class="ts-proj-legend" data-long={long || undefined} style={{ gridTemplateRows: `repeat(${Math.ceil(colours.labels.length / (long ? 1 : 2))}, auto)` }}>
        {colours.labels.map(({ label, count, colour }) => (
          <button type="button" key={label} class="ts-proj-label" aria-pressed={alone === label} onClick={() => onAlone(alone === label ? null : label)}
            title={t(alone === label ? 'Show all labels' : 'Show this label alone')}>
            <i style={{ borderColor: css(palette.colours[colour]!), background: palette.hollow[colour] ? 'transparent' : css(palette.colours[colour]!) }} />
            <span class="ts-hidden">{t('label')} </span>
            <span class="ts-clip">{label < 0 ? t('none') : wordOf(label, names)}</span>
            <span class="ts-hidden">, {t('points')}: </span>
            <span>{inside ? inside.get(label) ?? 0 : count}</span>
          </button>
        ))}
      </div>
    </div>
  );
}

/** How far an embedding is, and what halts it or lets it go on; of a sample, that it is one. */
export function Progress({ name, shown, going, trouble, onGo }: { name: string; /** What it has drawn so far. */ shown: Projection | null; going: boolean; trouble: string; onGo(on: boolean): void }) {
  const [done, all] = shown?.progress ?? [0, 1], over = done >= all, sample = shown?.of !== undefined && shown.of > shown.n;
  if (trouble) return <p class="ts-proj-pill" data-trouble role="alert">{trouble}</p>;
  return (
    <div class="ts-proj-pill">
      <span>{!shown ? t('{0} begins', name) : over ? t('{0} of step {1}', name, shown.step) : t('{0}: {1} of {2}', name, done, all)}{sample && <span class="ts-muted"> {t('{0} of {1} rows', shown.n.toLocaleString('en'), shown.of!.toLocaleString('en'))}</span>}</span>
      {!over && <><progress value={done} max={all} aria-label={t('Progress')} /><Button quiet onPress={() => onGo(!going)}>{going ? 'Halt' : 'Go on'}</Button></>}
    </div>
  );
}

export function Variance({ projection }: { projection: Projection }) {
  const { explained, method } = projection;
  if (!explained.length) return null;
  const most = Math.max(...explained.slice(0, 3), 1e-9);
  const sum = explained.slice(0, 3).reduce((a, b) => a + b, 0);
  return (
    <div class="ts-proj-card" role="group" aria-label={t('Explained variance')}>
      <h2>{t('Explained variance')}<span class="ts-proj-end">{percent(sum)}</span></h2>
      <div class="ts-proj-bars">
        {explained.slice(0, 3).map((share, d) => [<span key={`n${d}`}>{axisName(method, d)}</span>, <i key={`b${d}`} style={{ width: `${(share / most) * 100}%` }} aria-hidden="true" />, <span key={`p${d}`}>{percent(share)}</span>])}
      </div>
    </div>
  );
}

export function Picked({ row, label, near, by, metric, facts, colours, palette, names, onRow, onMetric, onClose }: {
  /** What they were found by, what was asked for, or null where there is no choice. */ by: Metric; metric: Metric | null; facts: readonly string[]; onMetric(metric: Metric): void;
  row: number; names?: Record<string, string> | undefined; label: number | null; near: readonly Near[]; colours: Colouring; palette: Palette; onRow(row: number): void; onClose(): void;
}) {
  const swatch = (r: number) => css(palette.colours[colours.index[r]! & 127]!);
  return (
    <div class="ts-proj-card" role="group" aria-label={t('Row {0} and its neighbours', row)} style={{ marginTop: 'auto' }}>
      <h2>
        <i class="ts-proj-swatch" style={{ background: swatch(row) }} />
        <span class="ts-proj-row ts-clip">{t('row {0}', row)}{label !== null && ` \u00b7 ${names ? wordOf(label, names) : t('label {0}', label)}`}</span>
        <span class="ts-proj-end"><Button quiet icon label="Let go of the point" onPress={onClose}>{'\u00d7'}</Button></span>
      </h2>
      {facts.length > 0 && <p class="ts-proj-agree">{facts.join(' \u00b7 ')}</p>}
      {metric !== null && <Tabs<Metric> as="radio" label="Neighbours by" value={by} options={[{ value: 'cosine', label: 'cosine' }, { value: 'l2', label: 'L2' }, { value: 'seen', label: 'seen' }]} onChange={onMetric} />}
      {agreement(near, label, names) && <p class="ts-proj-agree">{agreement(near, label, names)}</p>}
      <div class="ts-proj-near">
        {near.map((n) => (
          <button type="button" key={n.row} class="ts-proj-label" onClick={() => onRow(n.row)}>
            <i style={{ borderColor: swatch(n.row), background: swatch(n.row) }} />
            <span class="ts-hidden">{t('row')} </span>
            <span>{n.row}{n.label !== null && <span class="ts-muted"><span class="ts-hidden">, {t('label')}</span> <span aria-hidden="true">{'\u00b7'}</span> {wordOf(n.label, names)}</span>}</span>
            <span class="ts-hidden">, {t('distance')} </span>
            <span>{short(n.distance, 2)}</span>
          </button>
        ))}
      </div>
    </div>
  );
}

/** Before a layer is chosen: the layers, ready to be chosen. */
export function Choose({ layers, over, onChoose }: { layers: readonly Layer[]; /** The recording has stopped. */ over: boolean; onChoose(key: string): void }) {
  if (!layers.length) return <Empty title="No layers yet" code={'with ts.record() as tape:\n    loss = F.cross_entropy(model(x), y)   # modules appear as they are called'}>{t('They are listed here as soon as the model has run once.')}</Empty>;
  return (
    <div class="ts-proj-choose ts-scroll">
      <strong>{t('Which layer?')}</strong>
      <p>{t(over ? 'What was recorded of its output is projected to three axes.' : 'Its output is copied at every step from now on and projected to three axes.')} {t('From a cell:')} <code class="ts-mono">tape.projector("{layers[0]!.path}")</code></p>
      <ul class="ts-proj-layers" aria-label={t('Layers')}>
        {layers.map((layer) => (
          <li key={layer.key}>
            <button type="button" onClick={() => onChoose(layer.key)}><span style={{ paddingLeft: `${layer.depth * 14}px` }}>{layer.path}</span><span>{layer.cls}</span></button>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Chosen, but nothing has come yet. */
export function Waiting({ id, over, reason }: { id: string; /** The recording has stopped. */ over: boolean; reason: string }) {
  const name = nameOf(id);
  if (reason) return <Failure title={t('{0} cannot be watched', name)} reason={reason} />;
  if (over) {
    return (
      <Empty title={t('Nothing of {0} was kept', name)} code={`with ts.record(values="full", module="${name}") as tape:\n    ...            # your training loop`}>
        {t('This recording has stopped. Choose a layer while the loop runs, or record its values from the start:')}
      </Empty>
    );
  }
  return (
    <div class="ts-empty" role="status">
      <svg class="ts-proj-wait" viewBox="0 0 34 34" aria-hidden="true"><circle cx="7" cy="17" r="3.5" /><circle cx="17" cy="17" r="3.5" /><circle cx="27" cy="17" r="3.5" /></svg>
      <strong>{t('Waiting for the next step')}</strong>
      <p>{t('{0} is copied when the model next calls it, then at every step.', name)}</p>
    </div>
  );
}
