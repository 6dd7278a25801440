/**
 * Points through WebGL2. Browsers keep only 8 to 16 contexts a page and a notebook has many outputs, so there is one context a
 * page (kept by the hub, shared by every bundle), drawn at the size of whoever asks and copied into that view's own 2D
 * canvas. Views give up their buffers when they scroll away; the last one takes the context with it.
 */

import type { Lens } from './points';
import type { Palette } from './points_palette';

const KEY = 'webgl2.1';

const VERTEX = `#version 300 es
in vec3 a; in vec3 b; in uint colour;
uniform mat3 m; uniform vec2 size; uniform vec3 place; uniform float perspective, t, radius, depth; uniform uint pass_;
uniform sampler2D palette;
flat out vec4 fill; flat out float r; flat out float strength;
void main() {
  bool lost = a.x < -32767.5 || b.x < -32767.5 || (colour & 128u) != pass_;
  vec3 q = m * mix(a, b, t);
  float w = 1.0 - q.z * perspective;
  vec2 p = place.xy + vec2(q.x, -q.y) * place.z / w;
  gl_Position = lost || w <= 0.05 ? vec4(2.0, 2.0, 2.0, 1.0) : vec4(p.x / size.x * 2.0 - 1.0, 1.0 - p.y / size.y * 2.0, -q.z * 0.5, 1.0);
  float near = clamp((q.z + 1.0) * 0.5, 0.0, 1.0);
  r = radius * (1.0 + depth * (near - 0.5) * 0.9);
  gl_PointSize = 2.0 * r + 4.0;
  fill = texelFetch(palette, ivec2(int(colour), 0), 0);
  strength = pass_ == 0u ? 1.0 - depth * 0.55 * (1.0 - near) : 0.78;
}`;

const FRAGMENT = `#version 300 es
precision mediump float;
flat in vec4 fill; flat in float r; flat in float strength;
uniform vec3 back; uniform float rim, alpha, solid;
out vec4 pixel;
void main() {
  float d = length(gl_PointCoord - 0.5) * (2.0 * r + 4.0);
  float core = clamp(r - d + 0.5, 0.0, 1.0);
  if (fill.a < 0.5) core *= clamp(d - max(r - max(1.1, r * 0.36), r * 0.3) + 0.5, 0.0, 1.0);
  float edge = rim > 0.0 ? clamp(r + rim - d + 0.5, 0.0, 1.0) : core;
  float cover = edge * alpha * strength;
  if (cover < (solid > 0.5 ? 0.4 : 0.004)) discard;
  pixel = vec4(mix(back, fill.rgb, core / max(edge, 0.001)), cover);
}`;

export interface GlStyle {
  palette: Palette;
  radius: number;
  alpha: number;
  rim: number;
  depth: number;
  t: number;
  lens: Lens;
  /** Draw this many slots. */
  count: number;
  width: number;
  height: number;
  dimmed: boolean;
}

interface Cloud {
  array: WebGLVertexArrayObject;
  buffers: WebGLBuffer[];
}

/** What the page shares. Another bundle may have made it: only grow this, under a new key when it must change. */
interface Shared {
  canvas: HTMLCanvasElement;
  gl: WebGL2RenderingContext;
  program: WebGLProgram;
  texture: WebGLTexture;
  home: Map<string, unknown>;
  users: number;
  lost: boolean;
}

function compile(gl: WebGL2RenderingContext): WebGLProgram | null {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as const) {
    const shader = gl.createShader(kind);
    if (!shader) return null;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  ['a', 'b', 'colour'].forEach((name, i) => gl.bindAttribLocation(program, i, name));
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : null;
}

/** Chromium offers its software renderer in spite of `failIfMajorPerformanceCaveat` when there is no GPU at all. */
function emulated(gl: WebGL2RenderingContext): boolean {
  const info = gl.getExtension('WEBGL_debug_renderer_info');
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER)));
}

function open(home: Map<string, unknown>): Shared | null {
  const canvas = document.createElement('canvas');
  // Emulated WebGL is slower than our own raster: then take none.
  const gl = canvas.getContext('webgl2', { alpha: false, antialias: false, depth: true, preserveDrawingBuffer: false, failIfMajorPerformanceCaveat: true });
  if (gl && emulated(gl)) {
    gl.getExtension('WEBGL_lose_context')?.loseContext();
    return null;
  }
  const program = gl && compile(gl);
  const texture = gl?.createTexture();
  if (!gl || !program || !texture) return null;
  const shared: Shared = { canvas, gl, program, texture, home, users: 0, lost: false };
  canvas.addEventListener('webglcontextlost', () => drop(shared));
  home.set(KEY, shared);
  return shared;
}

function drop(shared: Shared): void {
  shared.lost = true;
  if (shared.home.get(KEY) === shared) shared.home.delete(KEY);
}

/** One view's points on the page's context. */
export class GlCloud {
  #cloud: Cloud | null = null;
  #n = 0;

  private constructor(readonly shared: Shared) {
    shared.users++;
  }

  /** Null where there is no (fast) WebGL2: draw with `points_soft` then. `home` is the hub's map of what a page has one of. */
  static acquire(home: Map<string, unknown>): GlCloud | null {
    const known = home.get(KEY) as Shared | undefined;
    const shared = known && !known.lost ? known : open(home);
    return shared && new GlCloud(shared);
  }

  /** True once the context is gone: release this and draw another way. */
  get lost(): boolean {
    return this.shared.lost || this.shared.gl.isContextLost();
  }

  /** Copies positions (slot order, three int16 a point) and colour indices to the GPU; `b` is where the morph leads. */
  upload(a: Int16Array, b: Int16Array, colour: Uint8Array): void {
    const { gl } = this.shared;
    if (!this.#cloud) {
      const cloud: Cloud = { array: gl.createVertexArray(), buffers: [gl.createBuffer(), gl.createBuffer(), gl.createBuffer()] };
      gl.bindVertexArray(cloud.array);
      for (const i of [0, 1, 2]) {
        gl.bindBuffer(gl.ARRAY_BUFFER, cloud.buffers[i]!);
        gl.enableVertexAttribArray(i);
        if (i < 2) gl.vertexAttribPointer(i, 3, gl.SHORT, false, 6, 0);
        else gl.vertexAttribIPointer(i, 1, gl.UNSIGNED_BYTE, 1, 0);
      }
      this.#cloud = cloud;
    }
    [a, b, colour].forEach((data, i) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, this.#cloud!.buffers[i]!);
      gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW);
    });
    this.#n = colour.length;
  }

  /** Draws and copies the picture into `target`, which is width x height device pixels. */
  draw(target: CanvasRenderingContext2D, style: GlStyle): void {
    const { gl, canvas, program, texture } = this.shared;
    if (!this.#cloud || this.lost) return;
    const { width, height, lens, palette } = style;
    if (canvas.width < width || canvas.height < height) {
      canvas.width = Math.max(canvas.width, width);
      canvas.height = Math.max(canvas.height, height);
    }
    gl.viewport(0, canvas.height - height, width, height);
    gl.useProgram(program);
    gl.bindVertexArray(this.#cloud.array);
    const at = (name: string) => gl.getUniformLocation(program, name);
    const bytes = new Uint8Array(256 * 4);
    palette.colours.forEach((c, i) => bytes.set([c[0], c[1], c[2], palette.hollow[i] ? 0 : 255], i * 4));
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
    const [r, g, b] = palette.background;
    gl.clearColor(r / 255, g / 255, b / 255, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniformMatrix3fv(at('m'), true, Float32Array.from(lens.m));
    gl.uniform2f(at('size'), width, height);
    gl.uniform3f(at('place'), lens.x, lens.y, lens.scale);
    gl.uniform1f(at('perspective'), lens.perspective);
    gl.uniform1f(at('t'), style.t);
    gl.uniform1f(at('radius'), style.radius);
    gl.uniform1f(at('depth'), style.depth);
    gl.uniform3f(at('back'), r / 255, g / 255, b / 255);
    gl.uniform1f(at('rim'), style.rim);
    gl.uniform1f(at('alpha'), style.alpha);
    gl.uniform1i(at('palette'), 0);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
    // In 3D the depth buffer decides who hides whom; sorting on the CPU would cost more than the edges it would soften.
    const solid = style.depth > 0.5;
    gl.uniform1f(at('solid'), solid ? 1 : 0);
    if (solid) gl.enable(gl.DEPTH_TEST);
    else gl.disable(gl.DEPTH_TEST);
    for (const pass of style.dimmed ? [128, 0] : [0]) {
      gl.uniform1ui(at('pass_'), pass);
      gl.drawArrays(gl.POINTS, 0, Math.min(style.count, this.#n));
    }
    target.drawImage(canvas, 0, 0, width, height, 0, 0, width, height);
  }

  release(): void {
    const { gl } = this.shared;
    if (this.#cloud && !this.lost) {
      gl.deleteVertexArray(this.#cloud.array);
      this.#cloud.buffers.forEach((buffer) => gl.deleteBuffer(buffer));
    }
    this.#cloud = null;
    if (--this.shared.users === 0) {
      drop(this.shared);
      gl.getExtension('WEBGL_lose_context')?.loseContext();
    }
  }
}
