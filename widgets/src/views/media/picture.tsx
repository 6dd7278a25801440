/** Things that are seen and heard: pictures with the values of their pixels, films, sounds. */

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { makeTip, t, type Tip } from '../../chrome';
import { numbersOf } from '../../engines/imagegrid';
import { waveOf } from '../../engines/wav';
import type { Media } from '../../store/types';
import { onTheme, readTheme } from '../../theme';

/** Up to this many pixels across a picture fills its card, and each of its pixels is a square. */
const SHARP = 256;

export function Picture({ item }: { item: Media }) {
  const box = useRef<HTMLDivElement>(null), canvas = useRef<HTMLCanvasElement>(null), tip = useRef<Tip | null>(null);
  const [failed, setFailed] = useState('');
  const [size, setSize] = useState<[number, number]>([Number(item.meta.width ?? 0), Number(item.meta.height ?? 0)]);
  useEffect(() => { tip.current = makeTip(box.current!); return () => tip.current?.remove(); }, []);
  useLayoutEffect(() => {
    let gone = false;
    setFailed('');
    decode(item).then(image => {
      const el = canvas.current;
      if (gone || !el) return;
      const { width, height } = image;                  // a closed bitmap has none
      Object.assign(el, { width, height });
      const ctx = el.getContext('2d');
      if (image instanceof ImageData) ctx?.putImageData(image, 0, 0); else { ctx?.drawImage(image, 0, 0); image.close?.(); }
      setSize([width, height]);
    }, (error: Error) => { if (!gone) setFailed(error.message || t('This picture cannot be read.')); });
    return () => { gone = true; };
  }, [item]);
  const [width, height] = size, sharp = width > 0 && width <= SHARP;
  const read = (e: PointerEvent) => {
    const el = canvas.current!, r = el.getBoundingClientRect(), b = box.current!.getBoundingClientRect();
    const x = Math.min(width - 1, Math.max(0, Math.floor(((e.clientX - r.left) / r.width) * width))), y = Math.min(height - 1, Math.max(0, Math.floor(((e.clientY - r.top) / r.height) * height)));
    const p = el.getContext('2d')?.getImageData(x, y, 1, 1).data;
    if (p) tip.current?.show(`${t('row {0}, column {1}', y, x)}\n${p[0] === p[1] && p[1] === p[2] ? p[0] : `${p[0]} ${p[1]} ${p[2]}`}${p[3]! < 255 ? `  ${t('alpha')} ${p[3]}` : ''}`, e.clientX - b.left, e.clientY - b.top);
  };
  return (
    <div class="ts-media-picture" ref={box} data-sharp={sharp || undefined}>
      {failed ? <p class="ts-media-note" role="alert">{failed}</p>
        : <canvas ref={canvas} role="img" aria-label={t('{0}, step {1}, {2} by {3} pixels', item.tag, item.step, width, height)} style={sharp ? { width: '100%' } : undefined}
            onPointerMove={read} onPointerLeave={() => tip.current?.hide()} />}
    </div>
  );
}

async function decode(item: Media): Promise<ImageBitmap | ImageData> {
  if (item.mime === 'application/x-array') return fromArray(item);
  if (!item.bytes.length) throw new Error(t('An empty picture was logged.'));
  return createImageBitmap(new Blob([item.bytes], { type: item.mime }));
}

/** [h, w], [c, h, w] or [h, w, c]; numbers beyond 1 are bytes. */
function fromArray(item: Media): ImageData {
  const shape = (item.meta.shape as number[] | undefined) ?? [], values = numbersOf(item.bytes, String(item.meta.dtype ?? ''));
  const last = shape.length === 3 && [1, 3, 4].includes(shape[2]!) && ![1, 3, 4].includes(shape[0]!), first = shape.length === 3 && !last;
  const [h, w, c] = shape.length === 2 ? [shape[0]!, shape[1]!, 1] : last ? [shape[0]!, shape[1]!, shape[2]!] : [shape[1]!, shape[2]!, shape[0]!];
  if (!values || !h || !w || ![1, 3, 4].includes(c!) || values.length < h * w * c!) throw new Error(t('An array of shape ({0}) is no picture.', shape.join(', ')));
  const scale = values.some(v => v > 1.001) ? 1 : 255, image = new ImageData(w, h);
  for (let i = 0; i < h * w; i++) for (let k = 0; k < 4; k++) {
    const channel = c === 1 ? 0 : k, v = k === 3 && c! < 4 ? 255 : values[first ? channel * h * w + i : i * c! + channel]! * scale;
    image.data[i * 4 + k] = v;
  }
  return image;
}

/** A blob's address for as long as it is shown. */
function useAddress(item: Media): string {
  const [url, setUrl] = useState('');
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([item.bytes], { type: item.mime }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [item]);
  return url;
}

/** A small film as squares that can be seen. */
const small = (item: Media) => { const w = Number(item.meta.width ?? 0); return w > 0 && w <= SHARP ? { width: '100%', imageRendering: 'pixelated' as const } : undefined; };

export function Film({ item }: { item: Media }) {
  const url = useAddress(item);
  if (!url) return null;
  return <div class="ts-media-picture">{item.mime.startsWith('video/') ? <video src={url} controls loop muted aria-label={item.tag} /> : <img src={url} style={small(item)} alt={`${item.tag}, ${t('step {0}', item.step)}`} />}</div>;
}

export function Sound({ item }: { item: Media }) {
  const url = useAddress(item), canvas = useRef<HTMLCanvasElement>(null), wave = waveOf(item.bytes, 240);
  const draw = () => {
    const el = canvas.current, ctx = el?.getContext('2d');
    if (!el || !ctx || !wave) return;
    const { clientWidth: W, clientHeight: H } = el, ratio = globalThis.devicePixelRatio || 1, theme = readTheme(el);
    Object.assign(el, { width: Math.round(W * ratio), height: Math.round(H * ratio) });
    ctx.scale(ratio, ratio);
    ctx.fillStyle = theme.line;
    ctx.fillRect(0, H / 2, W, 1);
    ctx.fillStyle = theme.forward;
    wave.low.forEach((low, i) => { const top = H / 2 - wave.high[i]! * (H / 2 - 1), foot = H / 2 - low * (H / 2 - 1); ctx.fillRect((i * W) / 240, top, Math.max(1, W / 240 - 0.5), Math.max(1, foot - top)); });
  };
  useLayoutEffect(draw);
  useEffect(() => onTheme(canvas.current ?? document.body, draw), []);
  return (
    <>
      {wave ? <canvas class="ts-media-wave" ref={canvas} role="img" aria-label={t('{0} seconds at {1} Hz', wave.seconds.toFixed(2), wave.rate)} /> : <canvas hidden ref={canvas} />}
      {url && <audio src={url} controls preload="metadata" aria-label={`${item.tag}, ${t('step {0}', item.step)}`} />}
    </>
  );
}
