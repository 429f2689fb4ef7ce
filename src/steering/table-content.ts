// What a pool's table in the packet path is filled from, and when two are filled from the same. Pure.
//
// The same content is the same object as long as nothing of it changes, so that whoever remembers one compares references.

import type { DesiredBackend } from '../model/desired.ts';

/** Everything that the slots of a table depend on. */
export interface TableContent {
  readonly clusterSecret: string;
  readonly size: number;
  /** Sorted by address bytes. */
  readonly members: readonly TableMember[];
}

export interface TableMember {
  /** What the slots hold. */
  readonly index: number;
  readonly address: string;
  readonly weight: number;
  readonly takesNewFlows: boolean;
}

export interface PlacedContent extends Omit<TableContent, 'members'> {
  readonly members: readonly { readonly index: number; readonly noun: DesiredBackend }[];
}

/** `before` itself where nothing of it has changed. */
export function contentOf({ clusterSecret, size, members }: PlacedContent, before: TableContent | undefined): TableContent {
  const isSame =
    before?.clusterSecret === clusterSecret &&
    before.size === size &&
    before.members.length === members.length &&
    members.every(({ index, noun }, i) => isMember(before.members[i], index, noun));
  if (isSame) return before;
  return {
    clusterSecret,
    size,
    members: members.map(({ index, noun: { address, weight, takesNewFlows } }) => ({ index, address, weight, takesNewFlows })),
  };
}

function isMember(member: TableMember | undefined, index: number, { address, weight, takesNewFlows }: DesiredBackend): boolean {
  return (
    member?.address === address && member.weight === weight && member.takesNewFlows === takesNewFlows && member.index === index
  );
}

/** Whether their tables are equal before those that take no new flows are masked. */
export function fillsAlike(a: TableContent, b: TableContent): boolean {
  return (
    a.clusterSecret === b.clusterSecret &&
    a.size === b.size &&
    a.members.length === b.members.length &&
    a.members.every(({ index, address, weight }, i) => {
      const other = b.members[i];
      return other?.index === index && other.address === address && other.weight === weight;
    })
  );
}
