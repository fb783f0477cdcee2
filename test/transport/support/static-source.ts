import type { CertificateSource, X509Material } from '../../../src/ports/identity.js';

/** A source that holds what it is given. */
export class StaticSource implements CertificateSource {
  #material: X509Material;
  readonly #listeners = new Set<(material: X509Material) => void>();

  constructor(material: X509Material) {
    this.#material = material;
  }

  current(): X509Material {
    return this.#material;
  }

  async ready(): Promise<X509Material> {
    return this.#material;
  }

  onChange(listener: (material: X509Material) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  rotate(material: X509Material): void {
    this.#material = material;
    for (const listener of this.#listeners) listener(material);
  }
}
