/** One instruction of a Dockerfile, its continued lines joined by blanks. */
export interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** A stage: what it starts from, an image or an earlier stage, and what it does. */
export interface Stage {
  readonly name: string;
  readonly from: string;
  readonly instructions: readonly Instruction[];
}

/** What COPY copies: from another stage, or from the build context when `stage` is undefined. */
export interface Copy {
  readonly stage: string | undefined;
  readonly sources: readonly string[];
  readonly target: string;
}

/** The stages of a Dockerfile, in order; each must have a name. */
export function parseDockerfile(text: string): Stage[] {
  const lines = text.replace(/^#.*\n/gm, '').replace(/\s*\\\n\s*/g, ' ');
  const stages: (Stage & { instructions: Instruction[] })[] = [];
  for (const [, name = '', rest = ''] of lines.matchAll(/^([A-Z]+)\s+(.*)$/gm)) {
    if (name !== 'FROM') {
      stages.at(-1)?.instructions.push({ name, text: rest });
      continue;
    }
    const [, from = '', stage = ''] = /^(\S+) AS (\S+)$/.exec(rest) ?? [];
    stages.push({ name: stage, from, instructions: [] });
  }
  return stages;
}

/** Reads the shell form of COPY. */
export function parseCopy(text: string): Copy {
  const [, stage, rest = ''] = /^(?:--from=(\S+)\s+)?(.*)$/.exec(text) ?? [];
  const words = rest.split(/\s+/);
  return { stage, sources: words.slice(0, -1), target: words.at(-1) ?? '' };
}

/** The stage and those below it, the lowest first. */
export function lineage(stages: readonly Stage[], name: string): Stage[] {
  const stage = stages.find((it) => it.name === name);
  return stage === undefined ? [] : [...lineage(stages, stage.from), stage];
}

/** The JSON form of the last such instruction (CMD, ENTRYPOINT) that counts for a stage. */
export function commandOf(stages: readonly Stage[], stage: string, name: 'CMD' | 'ENTRYPOINT'): readonly string[] {
  const instructions = lineage(stages, stage).flatMap((it) => it.instructions);
  return JSON.parse(instructions.findLast((it) => it.name === name)?.text ?? '[]') as string[];
}
