/** The outline of a sound: least and greatest sample in each column, of 8- and 16-bit PCM. */

export interface Wave { rate: number; channels: number; seconds: number; low: Float32Array; high: Float32Array }

export function waveOf(bytes: Uint8Array, columns: number): Wave | null {
  if (bytes.byteLength < 44) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), name = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (name(0) !== 'RIFF' || name(8) !== 'WAVE') return null;
  let rate = 0, channels = 0, bits = 0;
  for (let at = 12; at + 8 <= bytes.byteLength;) {
    const size = view.getUint32(at + 4, true), body = at + 8;
    if (name(at) === 'fmt ' && body + 16 <= bytes.byteLength) { channels = view.getUint16(body + 2, true); rate = view.getUint32(body + 4, true); bits = view.getUint16(body + 14, true); }
    if (name(at) === 'data') {
      const width = bits / 8, frame = width * channels, frames = Math.floor(Math.min(size, bytes.byteLength - body) / (frame || 1));
      if (!rate || !channels || (bits !== 16 && bits !== 8)) return null;
      const low = new Float32Array(columns), high = new Float32Array(columns);
      for (let c = 0; c < columns; c++) {
        const from = Math.floor((c * frames) / columns), to = Math.max(from + 1, Math.floor(((c + 1) * frames) / columns)), stride = Math.max(1, Math.floor((to - from) / 64));
        for (let i = from; i < Math.min(to, frames); i += stride) {
          const v = bits === 16 ? view.getInt16(body + i * frame, true) / 32768 : (view.getUint8(body + i * frame) - 128) / 128;
          if (v < low[c]!) low[c] = v;
          if (v > high[c]!) high[c] = v;
        }
      }
      return { rate, channels, seconds: frames / rate, low, high };
    }
    at = body + size + (size & 1);
  }
  return null;
}
