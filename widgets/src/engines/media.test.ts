import { describe, expect, it } from 'vitest';
import { gridOf, numbersOf, paintTile, rangeOf } from './imagegrid';
import { markdown } from './markdown';
import { facetsOf } from './mesh';
import { waveOf } from './wav';

describe('Markdown', () => {
  it('is headings, paragraphs, lists, code, quotes and tables with marks inside', () => {
    const blocks = markdown('# Top #\n\na **b** *i* `x*y*` ~~s~~\nnext\n\n- one\n- *two*\n  more\n\n1. first\n\n> said\n\n```py\n<b>*\n```\n---\n\n| a | b |\n|:--|--:|\n| 1 | 2 |');
    expect(blocks.map(b => b.type)).toEqual(['h', 'p', 'list', 'list', 'quote', 'code', 'rule', 'table']);
    expect(blocks[1]).toEqual({ type: 'p', of: ['a ', { mark: 'b', of: ['b'] }, ' ', { mark: 'i', of: ['i'] }, ' ', { mark: 'code', of: ['x*y*'] }, ' ', { mark: 's', of: ['s'] }, '\nnext'] });
    expect(blocks[2]).toMatchObject({ ordered: false, items: [['one'], [{ mark: 'i', of: ['two'] }, ' more']] });
    expect(blocks[5]).toEqual({ type: 'code', text: '<b>*' });
    expect(blocks[7]).toMatchObject({ align: ['left', 'right'], rows: [[['1'], ['2']]] });
  });

  it('HTML stays text, and links lead to the web only', () => {
    const text = JSON.stringify(markdown('<script>x</script> [a](javascript:alert(1)) [b](data:text/html,x) [c](https://a.b/c "t") [d](JaVaScRiPt:x)'));
    expect(text).toContain('<script>x</script>');
    expect(text.match(/"href":"[^"]*"/g)).toEqual(['"href":"https://a.b/c"']);
  });

  it('ends in time whatever comes', () => {
    const t0 = performance.now();
    for (const evil of ['*'.repeat(20_000), '['.repeat(20_000), '`'.repeat(9_999), '|'.repeat(20_000), '# '.repeat(10_000), '\n> '.repeat(10_000), '- '.repeat(20_000), '', '\u0000\ud800', 'a'.repeat(10_000)]) markdown(evil);
    expect(performance.now() - t0).toBeLessThan(4000);
  });
});

describe('tensors as pictures', () => {
  it('filters are out times in tiles, or colours; maps are those of one sample', () => {
    expect(gridOf([6, 2, 3, 3], 'filters')!.tiles.map(t => t.offset)).toEqual(Array.from({ length: 12 }, (_, i) => i * 9));
    expect(gridOf([4, 3, 5, 5], 'filters')).toMatchObject({ channels: 3, tiles: { length: 4 } });
    expect(gridOf([8, 4, 2, 3], 'maps', 2)!.tiles.map(t => t.offset)).toEqual([48, 54, 60, 66]);
    expect(gridOf([8, 4, 2, 3], 'maps', 99)!.tiles[0]!.offset).toBe(7 * 24);
    expect(gridOf([10, 4], 'filters')!.tiles).toHaveLength(1);
    expect(gridOf([6, 3, 4, 4], 'inputs')!.tiles.map(t => [t.offset, t.label])).toEqual(Array.from({ length: 6 }, (_, i) => [i * 48, String(i)]));
    expect(gridOf([6, 1, 4, 4], 'inputs')).toMatchObject({ channels: 1, tiles: { length: 6 } });
    expect(gridOf([2, 2, 2, 2, 2, 2, 2], 'maps', 1)!.tiles).toHaveLength(16);
  });

  it('a vector, an empty tensor and values that are not finite are no error', () => {
    expect([gridOf([], 'maps'), gridOf([5], 'maps'), gridOf([0, 3, 4, 4], 'maps')]).toEqual([null, null, null]);
    const grid = gridOf([1, 1, 1, 3], 'maps')!, out = new Uint32Array(3);
    expect(rangeOf([NaN, NaN, NaN], grid)).toEqual([0, 0]);
    paintTile(out, [1, NaN, -Infinity], grid, 0, v => v, [0, 1], 7);
    expect([...out]).toEqual([1, 7, 7]);
  });

  it('arrays are read by their dtype', () => {
    const bytes = (a: ArrayBufferView) => new Uint8Array(a.buffer as ArrayBuffer);
    expect([...numbersOf(bytes(Float32Array.of(1.5, -2)), '<f4')!]).toEqual([1.5, -2]);
    expect([...numbersOf(bytes(BigInt64Array.of(7n)), '<i8')!]).toEqual([7]);
    expect([...numbersOf(Uint8Array.of(0, 255), '|u1')!]).toEqual([0, 255]);
    expect(numbersOf(Uint8Array.of(1, 2, 3), '<f4')!.length).toBe(0);
    expect([numbersOf(new Uint8Array(8), '>f4'), numbersOf(new Uint8Array(8), 'c8')]).toEqual([null, null]);
  });
});

it('the outline of a sound is that of its samples; what is no sound is null', () => {
  const n = 1000, file = new DataView(new ArrayBuffer(44 + 2 * n)), put = (at: number, s: string) => [...s].forEach((c, i) => file.setUint8(at + i, c.charCodeAt(0)));
  put(0, 'RIFF'); put(8, 'WAVE'); put(12, 'fmt '); file.setUint32(16, 16, true); file.setUint16(20, 1, true); file.setUint16(22, 1, true); file.setUint32(24, 500, true); file.setUint16(34, 16, true);
  put(36, 'data'); file.setUint32(40, 2 * n, true);
  file.setInt16(44 + 2 * 600, 32767, true);
  const wave = waveOf(new Uint8Array(file.buffer), 100)!;
  expect([wave.seconds, wave.high[60]! > 0.99, Math.max(...wave.high.slice(0, 60))]).toEqual([2, true, 0]);
  expect(waveOf(new Uint8Array(file.buffer, 0, 400), 10)!.seconds).toBeCloseTo(0.356);
  expect([waveOf(new Uint8Array(10), 10), waveOf(new Uint8Array(100), 10)]).toEqual([null, null]);
});

it('a mesh is painted from back to front; faces that name no vertex are left out', () => {
  const vertices = Float64Array.of(0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1), mesh = { vertices, faces: Int32Array.of(0, 1, 2, 0, 1, 3, 0, 9, 1), colours: null };
  const facets = facetsOf(mesh, 0.3, 0.2, 100);
  expect(facets).toHaveLength(2);
  expect(facets[0]!.depth).toBeLessThanOrEqual(facets[1]!.depth);
  expect(facets.flatMap(f => f.path).every(v => Math.abs(v) <= 50)).toBe(true);
  expect(facetsOf({ vertices, faces: null, colours: null }, 0, 0, 10)).toHaveLength(4);
  expect(facetsOf({ vertices: new Float64Array(0), faces: null, colours: null }, 0, 0, 10)).toEqual([]);
});
