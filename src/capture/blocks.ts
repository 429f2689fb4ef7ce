// The blocks of a capture file: one section, an interface per device, packets with their verdict as a comment, statistics
// (draft-ietf-opsawg-pcapng, 4). Pure.
//
// A packet as it came and as it left are two blocks of one packet id, inbound and outbound.

import { linkTypeEthernet } from '../replay/captured-packet.ts';
import { blockTypes, interfaceOptions } from '../replay/pcapng-format.ts';
import type { BlockWriter } from './block-writer.ts';

const statisticsType = 5;
const nanoseconds = 9;
const optionCodes = { comment: 1, application: 4, interfaceName: 2, interfaceDescription: 3, flags: 2, packetId: 5 } as const;
const statisticsCodes = { start: 2, end: 3, received: 4, accepted: 6, dropped: 7, delivered: 8 } as const;
const directions = { inbound: 1, outbound: 2 } as const;

export function writeSection(to: BlockWriter, { application, comment }: { application: string; comment: string }): void {
  to.begin(blockTypes.section);
  to.magic();
  to.u16(1);
  to.u16(0);
  to.u64(-1n); // its length is not known ahead
  to.text(optionCodes.comment, comment);
  to.text(optionCodes.application, application);
  to.endOptions();
  to.end();
}

export interface InterfaceBlock {
  readonly name: string;
  readonly description: string;
  readonly snapBytes: number;
}

export function writeInterface(to: BlockWriter, { name, description, snapBytes }: InterfaceBlock): void {
  to.begin(blockTypes.interface);
  to.u16(linkTypeEthernet);
  to.u16(0);
  to.u32(snapBytes);
  to.text(optionCodes.interfaceName, name);
  to.text(optionCodes.interfaceDescription, description);
  to.option(interfaceOptions.resolution, Uint8Array.of(nanoseconds));
  to.endOptions();
  to.end();
}

export interface PacketBlock {
  /** Number of the interface. */
  readonly device: number;
  /** Since 1970. */
  readonly timeNs: bigint;
  /** As many as were kept. */
  readonly bytes: Uint8Array;
  readonly originalBytes: number;
  readonly direction: keyof typeof directions;
  readonly id: bigint;
  readonly comment: string;
}

export function writePacket(to: BlockWriter, packet: PacketBlock): void {
  to.begin(blockTypes.enhanced);
  to.u32(packet.device);
  to.time(packet.timeNs);
  to.u32(packet.bytes.length);
  to.u32(packet.originalBytes);
  to.padded(packet.bytes);
  to.text(optionCodes.comment, packet.comment);
  to.u16(optionCodes.flags);
  to.u16(4);
  to.u32(directions[packet.direction]);
  to.number(optionCodes.packetId, packet.id);
  to.endOptions();
  to.end();
}

export interface StatisticsBlock {
  readonly device: number;
  readonly startNs: bigint;
  readonly nowNs: bigint;
  /** Packets of the device, those that were asked for, those of them that could not be kept, those in the file. */
  readonly received: number;
  readonly matched: number;
  readonly dropped: number;
  readonly written: number;
  readonly comment: string;
}

export function writeStatistics(to: BlockWriter, each: StatisticsBlock): void {
  to.begin(statisticsType);
  to.u32(each.device);
  to.time(each.nowNs);
  to.text(optionCodes.comment, each.comment);
  for (const [code, ns] of [
    [statisticsCodes.start, each.startNs],
    [statisticsCodes.end, each.nowNs],
  ] as const) {
    to.u16(code);
    to.u16(8);
    to.time(ns);
  }
  to.number(statisticsCodes.received, BigInt(each.received));
  to.number(statisticsCodes.accepted, BigInt(each.matched));
  to.number(statisticsCodes.dropped, BigInt(each.dropped));
  to.number(statisticsCodes.delivered, BigInt(each.written));
  to.endOptions();
  to.end();
}
