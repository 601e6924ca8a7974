// Original file: protos/decorum/learner/v1/learner_service.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { GetInfoRequest as _decorum_learner_v1_GetInfoRequest, GetInfoRequest__Output as _decorum_learner_v1_GetInfoRequest__Output } from '../../../decorum/learner/v1/GetInfoRequest.ts';
import type { GetInfoResponse as _decorum_learner_v1_GetInfoResponse, GetInfoResponse__Output as _decorum_learner_v1_GetInfoResponse__Output } from '../../../decorum/learner/v1/GetInfoResponse.ts';
import type { LoadRequest as _decorum_learner_v1_LoadRequest, LoadRequest__Output as _decorum_learner_v1_LoadRequest__Output } from '../../../decorum/learner/v1/LoadRequest.ts';
import type { LoadResponse as _decorum_learner_v1_LoadResponse, LoadResponse__Output as _decorum_learner_v1_LoadResponse__Output } from '../../../decorum/learner/v1/LoadResponse.ts';
import type { PutWeightsRequest as _decorum_learner_v1_PutWeightsRequest, PutWeightsRequest__Output as _decorum_learner_v1_PutWeightsRequest__Output } from '../../../decorum/learner/v1/PutWeightsRequest.ts';
import type { PutWeightsResponse as _decorum_learner_v1_PutWeightsResponse, PutWeightsResponse__Output as _decorum_learner_v1_PutWeightsResponse__Output } from '../../../decorum/learner/v1/PutWeightsResponse.ts';
import type { ReleaseRequest as _decorum_learner_v1_ReleaseRequest, ReleaseRequest__Output as _decorum_learner_v1_ReleaseRequest__Output } from '../../../decorum/learner/v1/ReleaseRequest.ts';
import type { ReleaseResponse as _decorum_learner_v1_ReleaseResponse, ReleaseResponse__Output as _decorum_learner_v1_ReleaseResponse__Output } from '../../../decorum/learner/v1/ReleaseResponse.ts';
import type { RunRequest as _decorum_learner_v1_RunRequest, RunRequest__Output as _decorum_learner_v1_RunRequest__Output } from '../../../decorum/learner/v1/RunRequest.ts';
import type { RunResponse as _decorum_learner_v1_RunResponse, RunResponse__Output as _decorum_learner_v1_RunResponse__Output } from '../../../decorum/learner/v1/RunResponse.ts';

/**
 * A learner: it runs the two graphs of a trainer's run, forward and update, on weights that the trainer names by
 * their content. It decides nothing, and holds nothing that a trainer could not give it again.
 */
export interface LearnerServiceClient extends grpc.Client {
  /**
   * What it computes with, and what it holds.
   */
  GetInfo(argument: _decorum_learner_v1_GetInfoRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_learner_v1_GetInfoResponse__Output>): grpc.ClientUnaryCall;
  GetInfo(argument: _decorum_learner_v1_GetInfoRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_learner_v1_GetInfoResponse__Output>): grpc.ClientUnaryCall;
  GetInfo(argument: _decorum_learner_v1_GetInfoRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_learner_v1_GetInfoResponse__Output>): grpc.ClientUnaryCall;
  GetInfo(argument: _decorum_learner_v1_GetInfoRequest, callback: grpc.requestCallback<_decorum_learner_v1_GetInfoResponse__Output>): grpc.ClientUnaryCall;
  /**
   * What it computes with, and what it holds.
   */
  getInfo(argument: _decorum_learner_v1_GetInfoRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_learner_v1_GetInfoResponse__Output>): grpc.ClientUnaryCall;
  getInfo(argument: _decorum_learner_v1_GetInfoRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_learner_v1_GetInfoResponse__Output>): grpc.ClientUnaryCall;
  getInfo(argument: _decorum_learner_v1_GetInfoRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_learner_v1_GetInfoResponse__Output>): grpc.ClientUnaryCall;
  getInfo(argument: _decorum_learner_v1_GetInfoRequest, callback: grpc.requestCallback<_decorum_learner_v1_GetInfoResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Takes the graphs of a run in place of those before: a header, then their bytes.
   * FAILED_PRECONDITION: another base model. RESOURCE_EXHAUSTED: another run uses this learner; retry after the
   * pushback. INVALID_ARGUMENT: graphs that cannot be used, or that name a file outside of the base model.
   * DATA_LOSS: a checksum does not agree, or bytes are missing.
   */
  Load(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_learner_v1_LoadResponse__Output>): grpc.ClientWritableStream<_decorum_learner_v1_LoadRequest>;
  Load(metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_learner_v1_LoadResponse__Output>): grpc.ClientWritableStream<_decorum_learner_v1_LoadRequest>;
  Load(options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_learner_v1_LoadResponse__Output>): grpc.ClientWritableStream<_decorum_learner_v1_LoadRequest>;
  Load(callback: grpc.requestCallback<_decorum_learner_v1_LoadResponse__Output>): grpc.ClientWritableStream<_decorum_learner_v1_LoadRequest>;
  /**
   * Takes the graphs of a run in place of those before: a header, then their bytes.
   * FAILED_PRECONDITION: another base model. RESOURCE_EXHAUSTED: another run uses this learner; retry after the
   * pushback. INVALID_ARGUMENT: graphs that cannot be used, or that name a file outside of the base model.
   * DATA_LOSS: a checksum does not agree, or bytes are missing.
   */
  load(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_learner_v1_LoadResponse__Output>): grpc.ClientWritableStream<_decorum_learner_v1_LoadRequest>;
  load(metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_learner_v1_LoadResponse__Output>): grpc.ClientWritableStream<_decorum_learner_v1_LoadRequest>;
  load(options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_learner_v1_LoadResponse__Output>): grpc.ClientWritableStream<_decorum_learner_v1_LoadRequest>;
  load(callback: grpc.requestCallback<_decorum_learner_v1_LoadResponse__Output>): grpc.ClientWritableStream<_decorum_learner_v1_LoadRequest>;
  
  /**
   * Takes trained parameters: a header, then their bytes. They are held when the call has ended well; a call that
   * breaks leaves nothing. NOT_FOUND: the program is not loaded. INVALID_ARGUMENT: tensors that no graph takes.
   * DATA_LOSS: a checksum or the content's hash does not agree, or bytes are missing.
   */
  PutWeights(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_learner_v1_PutWeightsResponse__Output>): grpc.ClientWritableStream<_decorum_learner_v1_PutWeightsRequest>;
  PutWeights(metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_learner_v1_PutWeightsResponse__Output>): grpc.ClientWritableStream<_decorum_learner_v1_PutWeightsRequest>;
  PutWeights(options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_learner_v1_PutWeightsResponse__Output>): grpc.ClientWritableStream<_decorum_learner_v1_PutWeightsRequest>;
  PutWeights(callback: grpc.requestCallback<_decorum_learner_v1_PutWeightsResponse__Output>): grpc.ClientWritableStream<_decorum_learner_v1_PutWeightsRequest>;
  /**
   * Takes trained parameters: a header, then their bytes. They are held when the call has ended well; a call that
   * breaks leaves nothing. NOT_FOUND: the program is not loaded. INVALID_ARGUMENT: tensors that no graph takes.
   * DATA_LOSS: a checksum or the content's hash does not agree, or bytes are missing.
   */
  putWeights(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_learner_v1_PutWeightsResponse__Output>): grpc.ClientWritableStream<_decorum_learner_v1_PutWeightsRequest>;
  putWeights(metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_learner_v1_PutWeightsResponse__Output>): grpc.ClientWritableStream<_decorum_learner_v1_PutWeightsRequest>;
  putWeights(options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_learner_v1_PutWeightsResponse__Output>): grpc.ClientWritableStream<_decorum_learner_v1_PutWeightsRequest>;
  putWeights(callback: grpc.requestCallback<_decorum_learner_v1_PutWeightsResponse__Output>): grpc.ClientWritableStream<_decorum_learner_v1_PutWeightsRequest>;
  
  /**
   * Ends a run's use of this learner, so that another run may load its program at once. Of a run that does not use
   * it, it changes nothing.
   */
  Release(argument: _decorum_learner_v1_ReleaseRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_learner_v1_ReleaseResponse__Output>): grpc.ClientUnaryCall;
  Release(argument: _decorum_learner_v1_ReleaseRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_learner_v1_ReleaseResponse__Output>): grpc.ClientUnaryCall;
  Release(argument: _decorum_learner_v1_ReleaseRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_learner_v1_ReleaseResponse__Output>): grpc.ClientUnaryCall;
  Release(argument: _decorum_learner_v1_ReleaseRequest, callback: grpc.requestCallback<_decorum_learner_v1_ReleaseResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Ends a run's use of this learner, so that another run may load its program at once. Of a run that does not use
   * it, it changes nothing.
   */
  release(argument: _decorum_learner_v1_ReleaseRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_learner_v1_ReleaseResponse__Output>): grpc.ClientUnaryCall;
  release(argument: _decorum_learner_v1_ReleaseRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_learner_v1_ReleaseResponse__Output>): grpc.ClientUnaryCall;
  release(argument: _decorum_learner_v1_ReleaseRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_learner_v1_ReleaseResponse__Output>): grpc.ClientUnaryCall;
  release(argument: _decorum_learner_v1_ReleaseRequest, callback: grpc.requestCallback<_decorum_learner_v1_ReleaseResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Runs one graph: a header and the bytes of the feeds in, a header and the bytes of the outputs out.
   * NOT_FOUND: the program is not loaded, or weights are not held: give them again. INVALID_ARGUMENT: feeds that
   * the graph does not take. DATA_LOSS: a checksum does not agree, or bytes are missing.
   */
  Run(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_decorum_learner_v1_RunRequest, _decorum_learner_v1_RunResponse__Output>;
  Run(options?: grpc.CallOptions): grpc.ClientDuplexStream<_decorum_learner_v1_RunRequest, _decorum_learner_v1_RunResponse__Output>;
  /**
   * Runs one graph: a header and the bytes of the feeds in, a header and the bytes of the outputs out.
   * NOT_FOUND: the program is not loaded, or weights are not held: give them again. INVALID_ARGUMENT: feeds that
   * the graph does not take. DATA_LOSS: a checksum does not agree, or bytes are missing.
   */
  run(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_decorum_learner_v1_RunRequest, _decorum_learner_v1_RunResponse__Output>;
  run(options?: grpc.CallOptions): grpc.ClientDuplexStream<_decorum_learner_v1_RunRequest, _decorum_learner_v1_RunResponse__Output>;
  
}

/**
 * A learner: it runs the two graphs of a trainer's run, forward and update, on weights that the trainer names by
 * their content. It decides nothing, and holds nothing that a trainer could not give it again.
 */
export interface LearnerServiceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * What it computes with, and what it holds.
   */
  GetInfo: grpc.handleUnaryCall<_decorum_learner_v1_GetInfoRequest__Output, _decorum_learner_v1_GetInfoResponse>;
  
  /**
   * Takes the graphs of a run in place of those before: a header, then their bytes.
   * FAILED_PRECONDITION: another base model. RESOURCE_EXHAUSTED: another run uses this learner; retry after the
   * pushback. INVALID_ARGUMENT: graphs that cannot be used, or that name a file outside of the base model.
   * DATA_LOSS: a checksum does not agree, or bytes are missing.
   */
  Load: grpc.handleClientStreamingCall<_decorum_learner_v1_LoadRequest__Output, _decorum_learner_v1_LoadResponse>;
  
  /**
   * Takes trained parameters: a header, then their bytes. They are held when the call has ended well; a call that
   * breaks leaves nothing. NOT_FOUND: the program is not loaded. INVALID_ARGUMENT: tensors that no graph takes.
   * DATA_LOSS: a checksum or the content's hash does not agree, or bytes are missing.
   */
  PutWeights: grpc.handleClientStreamingCall<_decorum_learner_v1_PutWeightsRequest__Output, _decorum_learner_v1_PutWeightsResponse>;
  
  /**
   * Ends a run's use of this learner, so that another run may load its program at once. Of a run that does not use
   * it, it changes nothing.
   */
  Release: grpc.handleUnaryCall<_decorum_learner_v1_ReleaseRequest__Output, _decorum_learner_v1_ReleaseResponse>;
  
  /**
   * Runs one graph: a header and the bytes of the feeds in, a header and the bytes of the outputs out.
   * NOT_FOUND: the program is not loaded, or weights are not held: give them again. INVALID_ARGUMENT: feeds that
   * the graph does not take. DATA_LOSS: a checksum does not agree, or bytes are missing.
   */
  Run: grpc.handleBidiStreamingCall<_decorum_learner_v1_RunRequest__Output, _decorum_learner_v1_RunResponse>;
  
}

export interface LearnerServiceDefinition extends grpc.ServiceDefinition {
  GetInfo: MethodDefinition<_decorum_learner_v1_GetInfoRequest, _decorum_learner_v1_GetInfoResponse, _decorum_learner_v1_GetInfoRequest__Output, _decorum_learner_v1_GetInfoResponse__Output>
  Load: MethodDefinition<_decorum_learner_v1_LoadRequest, _decorum_learner_v1_LoadResponse, _decorum_learner_v1_LoadRequest__Output, _decorum_learner_v1_LoadResponse__Output>
  PutWeights: MethodDefinition<_decorum_learner_v1_PutWeightsRequest, _decorum_learner_v1_PutWeightsResponse, _decorum_learner_v1_PutWeightsRequest__Output, _decorum_learner_v1_PutWeightsResponse__Output>
  Release: MethodDefinition<_decorum_learner_v1_ReleaseRequest, _decorum_learner_v1_ReleaseResponse, _decorum_learner_v1_ReleaseRequest__Output, _decorum_learner_v1_ReleaseResponse__Output>
  Run: MethodDefinition<_decorum_learner_v1_RunRequest, _decorum_learner_v1_RunResponse, _decorum_learner_v1_RunRequest__Output, _decorum_learner_v1_RunResponse__Output>
}
