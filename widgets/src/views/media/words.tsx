/** Things that are read: Markdown, tables, curves, meshes. */

import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { show, t } from '../../chrome';
import { numbersOf } from '../../engines/imagegrid';
import { markdown, type Inline } from '../../engines/markdown';
import { facetsOf, type Mesh } from '../../engines/mesh';
import type { Media } from '../../store/types';
import { onTheme, readTheme } from '../../theme';

const textOf = (item: Media) => new TextDecoder().decode(item.bytes);

const spans = (list: readonly Inline[]): ComponentChildren => list.map(one => {
  if (typeof one === 'string') return one;
  if ('href' in one) return <a href={one.href} target="_blank" rel="noopener noreferrer">{spans(one.of)}</a>;
  return one.mark === 'b' ? <b>{spans(one.of)}</b> : one.mark === 'i' ? <i>{spans(one.of)}</i> : one.mark === 's' ? <s>{spans(one.of)}</s> : <code>{spans(one.of)}</code>;
});

export function Text({ item }: { item: Media }) {
  const text = textOf(item);
  if (item.mime !== 'text/markdown') return <div class="ts-media-text" tabIndex={0} role="group" aria-label={item.tag}><pre>{text}</pre></div>;
  return (
    <div class="ts-media-text" tabIndex={0} role="group" aria-label={item.tag}>
      {markdown(text).map((b, i) => {
        switch (b.type) {
          case 'h': return <h3 key={i} data-level={b.level}>{spans(b.of)}</h3>;
          case 'p': return <p key={i}>{spans(b.of)}</p>;
          case 'quote': return <blockquote key={i}>{spans(b.of)}</blockquote>;
          case 'code': return <pre key={i}>{b.text}</pre>;
          case 'rule': return <hr key={i} />;
          case 'list': return b.ordered ? <ol key={i}>{b.items.map(item => <li>{spans(item)}</li>)}</ol> : <ul key={i}>{b.items.map(item => <li>{spans(item)}</li>)}</ul>;
          default: return <table key={i} class="ts-media-table"><thead><tr>{b.head.map((c, k) => <th style={{ textAlign: b.align[k] }}>{spans(c)}</th>)}</tr></thead><tbody>{b.rows.map(row => <tr>{row.map((c, k) => <td style={{ textAlign: b.align[k] }}>{spans(c)}</td>)}</tr>)}</tbody></table>;
        }
      })}
    </div>
  );
}

/** JSON of one level as a table; anything else as it is. */
export function Table({ item }: { item: Media }) {
  let told: unknown;
  try { told = JSON.parse(textOf(item)); } catch { return <div class="ts-media-text" tabIndex={0} role="group" aria-label={item.tag}><pre>{textOf(item)}</pre></div>; }
  if (typeof told !== 'object' || told === null) return <p>{String(told)}</p>;
  return (
    <table class="ts-media-table">
      <tbody>{Object.entries(told).map(([name, value]) => <tr key={name}><th scope="row">{name}</th><td class="ts-num">{typeof value === 'number' ? show(value) : typeof value === 'object' ? JSON.stringify(value) : String(value)}</td></tr>)}</tbody>
    </table>
  );
}

/** Precision over recall. Rows of the array: true positives, false positives, true negatives, false negatives, precision, recall, one column a threshold. */
export function Curve({ item }: { item: Media }) {
  const values = numbersOf(item.bytes, String(item.meta.dtype ?? '')), [rows, n] = (item.meta.shape as number[] | undefined) ?? [];
  const [hot, setHot] = useState(-1);
  if (!values || rows !== 6 || !n || values.length < 6 * n) return <p class="ts-media-note">{t('This is no precision-recall curve: 6 rows of numbers are needed, the shape is ({0}).', String(item.meta.shape ?? ''))}</p>;
  const precision = values.subarray(4 * n, 5 * n), recall = values.subarray(5 * n, 6 * n), x = (v: number) => 34 + v * 200, y = (v: number) => 168 - v * 156;
  let area = 0, path = '';
  for (let i = 0; i < n; i++) {
    if (!Number.isFinite(precision[i]! + recall[i]!)) continue;
    path += `${path ? 'L' : 'M'}${x(recall[i]!).toFixed(1)} ${y(precision[i]!).toFixed(1)}`;
    if (i + 1 < n) area += ((precision[i]! + precision[i + 1]!) / 2) * (recall[i]! - recall[i + 1]!);
  }
  const at = (k: number) => [0, 1, 2, 3].map(r => show(values[r * n + k]!));
  const pick = (e: PointerEvent) => {
    const r = (e.currentTarget as Element).getBoundingClientRect(), s = Math.min(r.width / 244, r.height / 190), px = (e.clientX - r.left - (r.width - 244 * s) / 2) / s, py = (e.clientY - r.top - (r.height - 190 * s) / 2) / s;
    let best = -1, least = Infinity;
    for (let i = 0; i < n; i++) { const d = (x(recall[i]!) - px) ** 2 + (y(precision[i]!) - py) ** 2; if (d < least) { least = d; best = i; } }
    setHot(best);
  };
  return (
    <>
      <svg class="ts-media-plot" viewBox="0 0 244 190" role="img" aria-label={t('Precision over recall, area {0}', show(Math.abs(area), 3))} onPointerMove={pick} onPointerLeave={() => setHot(-1)}>
        {[0, 0.5, 1].map(v => <g key={v}><path d={`M${x(0)} ${y(v)}H${x(1)}M${x(v)} ${y(0)}V${y(1)}`} stroke="var(--ts-line)" fill="none" /><text x={28} y={y(v) + 4} text-anchor="end">{v}</text><text x={x(v)} y={182} text-anchor={v === 1 ? 'end' : 'middle'}>{v === 0.5 ? t('recall') : v}</text></g>)}
        <path d={path} fill="none" stroke="var(--ts-forward)" stroke-width="2" stroke-linejoin="round" />
        {hot >= 0 && <circle cx={x(recall[hot]!)} cy={y(precision[hot]!)} r="4" fill="var(--ts-bg)" stroke="var(--ts-forward)" stroke-width="2" />}
      </svg>
      <p class="ts-media-note ts-mono">{hot >= 0 ? `${t('threshold')} ${show(n > 1 ? hot / (n - 1) : 0, 3)}  p ${show(precision[hot]!, 3)}  r ${show(recall[hot]!, 3)}  tp ${at(hot)[0]} fp ${at(hot)[1]} fn ${at(hot)[3]}` : `${t('area')} ${show(Math.abs(area), 3)}`}</p>
    </>
  );
}

/** A logged mesh, turned by dragging or by the arrow keys. Its parts share a step. */
export function Solid({ parts }: { parts: readonly Media[] }) {
  const canvas = useRef<HTMLCanvasElement>(null), [angle, setAngle] = useState<[number, number]>([0.6, 0.4]), grabbed = useRef<[number, number] | null>(null);
  const of = (name: string) => { const part = parts.find(p => p.meta.part === name); return part ? numbersOf(part.bytes, String(part.meta.dtype ?? '')) : null; };
  const item = parts.find(p => p.meta.part === 'vertices'), shape = (item?.meta.shape as number[] | undefined) ?? [], vertices = of('vertices');
  const n = (shape.at(-2) ?? 0) * 3, faces = of('faces'), per = ((parts.find(p => p.meta.part === 'faces')?.meta.shape as number[] | undefined)?.at(-2) ?? 0) * 3;
  const draw = () => {
    const el = canvas.current, ctx = el?.getContext('2d');
    if (!el || !ctx || !vertices) return;
    const { clientWidth: W, clientHeight: H } = el, ratio = globalThis.devicePixelRatio || 1, theme = readTheme(el);
    Object.assign(el, { width: Math.round(W * ratio), height: Math.round(H * ratio) });
    const mesh: Mesh = { vertices: vertices.subarray(0, n), faces: faces ? Int32Array.from(faces.subarray(0, per)) : null, colours: of('colors')?.subarray(0, n) ?? null };
    ctx.setTransform(ratio, 0, 0, ratio, (W / 2) * ratio, (H / 2) * ratio);
    for (const { path, shade, colour } of facetsOf(mesh, angle[0], angle[1], Math.min(W, H))) {
      const scale = colour && colour.some(v => v > 1) ? 1 : 255;
      ctx.fillStyle = colour ? `rgb(${colour.map(v => Math.round(v * scale * shade)).join(' ')})` : `color-mix(in srgb, ${theme.forward} ${Math.round(shade * 100)}%, ${theme.bg})`;
      if (path.length === 2) { ctx.fillRect(path[0]! - 1, path[1]! - 1, 2, 2); continue; }
      ctx.beginPath();
      ctx.moveTo(path[0]!, path[1]!); ctx.lineTo(path[2]!, path[3]!); ctx.lineTo(path[4]!, path[5]!);
      ctx.closePath();
      ctx.fill();
      ctx.strokeStyle = ctx.fillStyle;
      ctx.lineWidth = 0.6;
      ctx.stroke();
    }
  };
  useLayoutEffect(draw);
  const last = useRef(draw);
  last.current = draw;
  useEffect(() => {
    const off = onTheme(canvas.current!, () => last.current()), observer = new ResizeObserver(() => last.current());
    observer.observe(canvas.current!);
    return () => { off(); observer.disconnect(); };
  }, []);
  const turn = (dx: number, dy: number) => setAngle(([yaw, pitch]) => [yaw + dx, Math.min(1.5, Math.max(-1.5, pitch + dy))]);
  return (
    <canvas class="ts-media-turn" ref={canvas} tabIndex={0} role="img" aria-label={t('{0}: {1} points, {2} faces. Arrow keys turn it.', item?.tag ?? '', n / 3, per / 3)}
      onPointerDown={e => { (e.currentTarget as Element).setPointerCapture(e.pointerId); grabbed.current = [e.clientX, e.clientY]; }}
      onPointerMove={e => { const g = grabbed.current; if (g) { turn((e.clientX - g[0]) * 0.01, (e.clientY - g[1]) * 0.01); grabbed.current = [e.clientX, e.clientY]; } }}
      onPointerUp={() => { grabbed.current = null; }} onPointerCancel={() => { grabbed.current = null; }}
      onKeyDown={e => { const by = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15] }[e.key]; if (by) { e.preventDefault(); e.stopPropagation(); turn(by[0]!, by[1]!); } }} />
  );
}
