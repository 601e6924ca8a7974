// Original file: protos/decorum/policy/v1/policy_service.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { AbortWeightsRequest as _decorum_policy_v1_AbortWeightsRequest, AbortWeightsRequest__Output as _decorum_policy_v1_AbortWeightsRequest__Output } from '../../../decorum/policy/v1/AbortWeightsRequest.ts';
import type { AbortWeightsResponse as _decorum_policy_v1_AbortWeightsResponse, AbortWeightsResponse__Output as _decorum_policy_v1_AbortWeightsResponse__Output } from '../../../decorum/policy/v1/AbortWeightsResponse.ts';
import type { BeginWeightsRequest as _decorum_policy_v1_BeginWeightsRequest, BeginWeightsRequest__Output as _decorum_policy_v1_BeginWeightsRequest__Output } from '../../../decorum/policy/v1/BeginWeightsRequest.ts';
import type { BeginWeightsResponse as _decorum_policy_v1_BeginWeightsResponse, BeginWeightsResponse__Output as _decorum_policy_v1_BeginWeightsResponse__Output } from '../../../decorum/policy/v1/BeginWeightsResponse.ts';
import type { CommitWeightsRequest as _decorum_policy_v1_CommitWeightsRequest, CommitWeightsRequest__Output as _decorum_policy_v1_CommitWeightsRequest__Output } from '../../../decorum/policy/v1/CommitWeightsRequest.ts';
import type { CommitWeightsResponse as _decorum_policy_v1_CommitWeightsResponse, CommitWeightsResponse__Output as _decorum_policy_v1_CommitWeightsResponse__Output } from '../../../decorum/policy/v1/CommitWeightsResponse.ts';
import type { GenerateRequest as _decorum_policy_v1_GenerateRequest, GenerateRequest__Output as _decorum_policy_v1_GenerateRequest__Output } from '../../../decorum/policy/v1/GenerateRequest.ts';
import type { GenerateResponse as _decorum_policy_v1_GenerateResponse, GenerateResponse__Output as _decorum_policy_v1_GenerateResponse__Output } from '../../../decorum/policy/v1/GenerateResponse.ts';
import type { GetModelInfoRequest as _decorum_policy_v1_GetModelInfoRequest, GetModelInfoRequest__Output as _decorum_policy_v1_GetModelInfoRequest__Output } from '../../../decorum/policy/v1/GetModelInfoRequest.ts';
import type { GetModelInfoResponse as _decorum_policy_v1_GetModelInfoResponse, GetModelInfoResponse__Output as _decorum_policy_v1_GetModelInfoResponse__Output } from '../../../decorum/policy/v1/GetModelInfoResponse.ts';
import type { GetVersionRequest as _decorum_policy_v1_GetVersionRequest, GetVersionRequest__Output as _decorum_policy_v1_GetVersionRequest__Output } from '../../../decorum/policy/v1/GetVersionRequest.ts';
import type { GetVersionResponse as _decorum_policy_v1_GetVersionResponse, GetVersionResponse__Output as _decorum_policy_v1_GetVersionResponse__Output } from '../../../decorum/policy/v1/GetVersionResponse.ts';
import type { RollbackWeightsRequest as _decorum_policy_v1_RollbackWeightsRequest, RollbackWeightsRequest__Output as _decorum_policy_v1_RollbackWeightsRequest__Output } from '../../../decorum/policy/v1/RollbackWeightsRequest.ts';
import type { RollbackWeightsResponse as _decorum_policy_v1_RollbackWeightsResponse, RollbackWeightsResponse__Output as _decorum_policy_v1_RollbackWeightsResponse__Output } from '../../../decorum/policy/v1/RollbackWeightsResponse.ts';
import type { UploadWeightsRequest as _decorum_policy_v1_UploadWeightsRequest, UploadWeightsRequest__Output as _decorum_policy_v1_UploadWeightsRequest__Output } from '../../../decorum/policy/v1/UploadWeightsRequest.ts';
import type { UploadWeightsResponse as _decorum_policy_v1_UploadWeightsResponse, UploadWeightsResponse__Output as _decorum_policy_v1_UploadWeightsResponse__Output } from '../../../decorum/policy/v1/UploadWeightsResponse.ts';

/**
 * A policy: an encoder-decoder language model with adapters and a value head. Generates, and takes new
 * weights between two batches: BeginWeights, UploadWeights, CommitWeights.
 */
export interface PolicyServiceClient extends grpc.Client {
  /**
   * Drops an open push; not an error when it is gone already.
   */
  AbortWeights(argument: _decorum_policy_v1_AbortWeightsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_AbortWeightsResponse__Output>): grpc.ClientUnaryCall;
  AbortWeights(argument: _decorum_policy_v1_AbortWeightsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_policy_v1_AbortWeightsResponse__Output>): grpc.ClientUnaryCall;
  AbortWeights(argument: _decorum_policy_v1_AbortWeightsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_AbortWeightsResponse__Output>): grpc.ClientUnaryCall;
  AbortWeights(argument: _decorum_policy_v1_AbortWeightsRequest, callback: grpc.requestCallback<_decorum_policy_v1_AbortWeightsResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Drops an open push; not an error when it is gone already.
   */
  abortWeights(argument: _decorum_policy_v1_AbortWeightsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_AbortWeightsResponse__Output>): grpc.ClientUnaryCall;
  abortWeights(argument: _decorum_policy_v1_AbortWeightsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_policy_v1_AbortWeightsResponse__Output>): grpc.ClientUnaryCall;
  abortWeights(argument: _decorum_policy_v1_AbortWeightsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_AbortWeightsResponse__Output>): grpc.ClientUnaryCall;
  abortWeights(argument: _decorum_policy_v1_AbortWeightsRequest, callback: grpc.requestCallback<_decorum_policy_v1_AbortWeightsResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Opens a push. FAILED_PRECONDITION: another base model, another LoRA configuration, or expected_version is
   * not the present one. A policy that holds no version of the run takes any expected_version.
   * INVALID_ARGUMENT: the manifest does not fit the model. RESOURCE_EXHAUSTED: too many open pushes.
   */
  BeginWeights(argument: _decorum_policy_v1_BeginWeightsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_BeginWeightsResponse__Output>): grpc.ClientUnaryCall;
  BeginWeights(argument: _decorum_policy_v1_BeginWeightsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_policy_v1_BeginWeightsResponse__Output>): grpc.ClientUnaryCall;
  BeginWeights(argument: _decorum_policy_v1_BeginWeightsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_BeginWeightsResponse__Output>): grpc.ClientUnaryCall;
  BeginWeights(argument: _decorum_policy_v1_BeginWeightsRequest, callback: grpc.requestCallback<_decorum_policy_v1_BeginWeightsResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Opens a push. FAILED_PRECONDITION: another base model, another LoRA configuration, or expected_version is
   * not the present one. A policy that holds no version of the run takes any expected_version.
   * INVALID_ARGUMENT: the manifest does not fit the model. RESOURCE_EXHAUSTED: too many open pushes.
   */
  beginWeights(argument: _decorum_policy_v1_BeginWeightsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_BeginWeightsResponse__Output>): grpc.ClientUnaryCall;
  beginWeights(argument: _decorum_policy_v1_BeginWeightsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_policy_v1_BeginWeightsResponse__Output>): grpc.ClientUnaryCall;
  beginWeights(argument: _decorum_policy_v1_BeginWeightsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_BeginWeightsResponse__Output>): grpc.ClientUnaryCall;
  beginWeights(argument: _decorum_policy_v1_BeginWeightsRequest, callback: grpc.requestCallback<_decorum_policy_v1_BeginWeightsResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Checks all bytes and makes them the run's newest version, atomically, between two batches.
   * Compare-and-set: ABORTED when the version is no longer the expected one; a repeated commit of the same
   * upload answers as the first did. DATA_LOSS: bytes missing (the push stays open) or a sha256 that does not
   * agree. INVALID_ARGUMENT: values that are not finite. NOT_FOUND: no such push.
   */
  CommitWeights(argument: _decorum_policy_v1_CommitWeightsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_CommitWeightsResponse__Output>): grpc.ClientUnaryCall;
  CommitWeights(argument: _decorum_policy_v1_CommitWeightsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_policy_v1_CommitWeightsResponse__Output>): grpc.ClientUnaryCall;
  CommitWeights(argument: _decorum_policy_v1_CommitWeightsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_CommitWeightsResponse__Output>): grpc.ClientUnaryCall;
  CommitWeights(argument: _decorum_policy_v1_CommitWeightsRequest, callback: grpc.requestCallback<_decorum_policy_v1_CommitWeightsResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Checks all bytes and makes them the run's newest version, atomically, between two batches.
   * Compare-and-set: ABORTED when the version is no longer the expected one; a repeated commit of the same
   * upload answers as the first did. DATA_LOSS: bytes missing (the push stays open) or a sha256 that does not
   * agree. INVALID_ARGUMENT: values that are not finite. NOT_FOUND: no such push.
   */
  commitWeights(argument: _decorum_policy_v1_CommitWeightsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_CommitWeightsResponse__Output>): grpc.ClientUnaryCall;
  commitWeights(argument: _decorum_policy_v1_CommitWeightsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_policy_v1_CommitWeightsResponse__Output>): grpc.ClientUnaryCall;
  commitWeights(argument: _decorum_policy_v1_CommitWeightsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_CommitWeightsResponse__Output>): grpc.ClientUnaryCall;
  commitWeights(argument: _decorum_policy_v1_CommitWeightsRequest, callback: grpc.requestCallback<_decorum_policy_v1_CommitWeightsResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Completes a group of prompts; chunks of all sequences are interleaved.
   * INVALID_ARGUMENT: a prompt too long, a token id outside the vocabulary, bad sampling parameters.
   * NOT_FOUND: weights that are not held. RESOURCE_EXHAUSTED: the queue is full; retry after the pushback.
   */
  Generate(argument: _decorum_policy_v1_GenerateRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_decorum_policy_v1_GenerateResponse__Output>;
  Generate(argument: _decorum_policy_v1_GenerateRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_decorum_policy_v1_GenerateResponse__Output>;
  /**
   * Completes a group of prompts; chunks of all sequences are interleaved.
   * INVALID_ARGUMENT: a prompt too long, a token id outside the vocabulary, bad sampling parameters.
   * NOT_FOUND: weights that are not held. RESOURCE_EXHAUSTED: the queue is full; retry after the pushback.
   */
  generate(argument: _decorum_policy_v1_GenerateRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_decorum_policy_v1_GenerateResponse__Output>;
  generate(argument: _decorum_policy_v1_GenerateRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_decorum_policy_v1_GenerateResponse__Output>;
  
  /**
   * The model, its tokenizer and the limits of this server.
   */
  GetModelInfo(argument: _decorum_policy_v1_GetModelInfoRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_GetModelInfoResponse__Output>): grpc.ClientUnaryCall;
  GetModelInfo(argument: _decorum_policy_v1_GetModelInfoRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_policy_v1_GetModelInfoResponse__Output>): grpc.ClientUnaryCall;
  GetModelInfo(argument: _decorum_policy_v1_GetModelInfoRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_GetModelInfoResponse__Output>): grpc.ClientUnaryCall;
  GetModelInfo(argument: _decorum_policy_v1_GetModelInfoRequest, callback: grpc.requestCallback<_decorum_policy_v1_GetModelInfoResponse__Output>): grpc.ClientUnaryCall;
  /**
   * The model, its tokenizer and the limits of this server.
   */
  getModelInfo(argument: _decorum_policy_v1_GetModelInfoRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_GetModelInfoResponse__Output>): grpc.ClientUnaryCall;
  getModelInfo(argument: _decorum_policy_v1_GetModelInfoRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_policy_v1_GetModelInfoResponse__Output>): grpc.ClientUnaryCall;
  getModelInfo(argument: _decorum_policy_v1_GetModelInfoRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_GetModelInfoResponse__Output>): grpc.ClientUnaryCall;
  getModelInfo(argument: _decorum_policy_v1_GetModelInfoRequest, callback: grpc.requestCallback<_decorum_policy_v1_GetModelInfoResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * The weights that are held. NOT_FOUND: a run that pushed nothing, as far as this process knows.
   */
  GetVersion(argument: _decorum_policy_v1_GetVersionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_GetVersionResponse__Output>): grpc.ClientUnaryCall;
  GetVersion(argument: _decorum_policy_v1_GetVersionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_policy_v1_GetVersionResponse__Output>): grpc.ClientUnaryCall;
  GetVersion(argument: _decorum_policy_v1_GetVersionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_GetVersionResponse__Output>): grpc.ClientUnaryCall;
  GetVersion(argument: _decorum_policy_v1_GetVersionRequest, callback: grpc.requestCallback<_decorum_policy_v1_GetVersionResponse__Output>): grpc.ClientUnaryCall;
  /**
   * The weights that are held. NOT_FOUND: a run that pushed nothing, as far as this process knows.
   */
  getVersion(argument: _decorum_policy_v1_GetVersionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_GetVersionResponse__Output>): grpc.ClientUnaryCall;
  getVersion(argument: _decorum_policy_v1_GetVersionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_policy_v1_GetVersionResponse__Output>): grpc.ClientUnaryCall;
  getVersion(argument: _decorum_policy_v1_GetVersionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_GetVersionResponse__Output>): grpc.ClientUnaryCall;
  getVersion(argument: _decorum_policy_v1_GetVersionRequest, callback: grpc.requestCallback<_decorum_policy_v1_GetVersionResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Makes the version before the newest the newest again, and drops the newest. FAILED_PRECONDITION: none is
   * kept. ABORTED: the newest is not the expected one. NOT_FOUND: the run pushed nothing.
   */
  RollbackWeights(argument: _decorum_policy_v1_RollbackWeightsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_RollbackWeightsResponse__Output>): grpc.ClientUnaryCall;
  RollbackWeights(argument: _decorum_policy_v1_RollbackWeightsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_policy_v1_RollbackWeightsResponse__Output>): grpc.ClientUnaryCall;
  RollbackWeights(argument: _decorum_policy_v1_RollbackWeightsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_RollbackWeightsResponse__Output>): grpc.ClientUnaryCall;
  RollbackWeights(argument: _decorum_policy_v1_RollbackWeightsRequest, callback: grpc.requestCallback<_decorum_policy_v1_RollbackWeightsResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Makes the version before the newest the newest again, and drops the newest. FAILED_PRECONDITION: none is
   * kept. ABORTED: the newest is not the expected one. NOT_FOUND: the run pushed nothing.
   */
  rollbackWeights(argument: _decorum_policy_v1_RollbackWeightsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_RollbackWeightsResponse__Output>): grpc.ClientUnaryCall;
  rollbackWeights(argument: _decorum_policy_v1_RollbackWeightsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_policy_v1_RollbackWeightsResponse__Output>): grpc.ClientUnaryCall;
  rollbackWeights(argument: _decorum_policy_v1_RollbackWeightsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_RollbackWeightsResponse__Output>): grpc.ClientUnaryCall;
  rollbackWeights(argument: _decorum_policy_v1_RollbackWeightsRequest, callback: grpc.requestCallback<_decorum_policy_v1_RollbackWeightsResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Sends the bytes of an open push; a second call continues where the first one ended. NOT_FOUND: no such push.
   * DATA_LOSS: a chunk's checksum does not agree. OUT_OF_RANGE: a chunk does not begin where the one before it
   * ended, or goes beyond the manifest's total_bytes. INVALID_ARGUMENT: a chunk above max_chunk_bytes.
   */
  UploadWeights(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_UploadWeightsResponse__Output>): grpc.ClientWritableStream<_decorum_policy_v1_UploadWeightsRequest>;
  UploadWeights(metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_policy_v1_UploadWeightsResponse__Output>): grpc.ClientWritableStream<_decorum_policy_v1_UploadWeightsRequest>;
  UploadWeights(options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_UploadWeightsResponse__Output>): grpc.ClientWritableStream<_decorum_policy_v1_UploadWeightsRequest>;
  UploadWeights(callback: grpc.requestCallback<_decorum_policy_v1_UploadWeightsResponse__Output>): grpc.ClientWritableStream<_decorum_policy_v1_UploadWeightsRequest>;
  /**
   * Sends the bytes of an open push; a second call continues where the first one ended. NOT_FOUND: no such push.
   * DATA_LOSS: a chunk's checksum does not agree. OUT_OF_RANGE: a chunk does not begin where the one before it
   * ended, or goes beyond the manifest's total_bytes. INVALID_ARGUMENT: a chunk above max_chunk_bytes.
   */
  uploadWeights(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_UploadWeightsResponse__Output>): grpc.ClientWritableStream<_decorum_policy_v1_UploadWeightsRequest>;
  uploadWeights(metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_policy_v1_UploadWeightsResponse__Output>): grpc.ClientWritableStream<_decorum_policy_v1_UploadWeightsRequest>;
  uploadWeights(options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_policy_v1_UploadWeightsResponse__Output>): grpc.ClientWritableStream<_decorum_policy_v1_UploadWeightsRequest>;
  uploadWeights(callback: grpc.requestCallback<_decorum_policy_v1_UploadWeightsResponse__Output>): grpc.ClientWritableStream<_decorum_policy_v1_UploadWeightsRequest>;
  
}

/**
 * A policy: an encoder-decoder language model with adapters and a value head. Generates, and takes new
 * weights between two batches: BeginWeights, UploadWeights, CommitWeights.
 */
export interface PolicyServiceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * Drops an open push; not an error when it is gone already.
   */
  AbortWeights: grpc.handleUnaryCall<_decorum_policy_v1_AbortWeightsRequest__Output, _decorum_policy_v1_AbortWeightsResponse>;
  
  /**
   * Opens a push. FAILED_PRECONDITION: another base model, another LoRA configuration, or expected_version is
   * not the present one. A policy that holds no version of the run takes any expected_version.
   * INVALID_ARGUMENT: the manifest does not fit the model. RESOURCE_EXHAUSTED: too many open pushes.
   */
  BeginWeights: grpc.handleUnaryCall<_decorum_policy_v1_BeginWeightsRequest__Output, _decorum_policy_v1_BeginWeightsResponse>;
  
  /**
   * Checks all bytes and makes them the run's newest version, atomically, between two batches.
   * Compare-and-set: ABORTED when the version is no longer the expected one; a repeated commit of the same
   * upload answers as the first did. DATA_LOSS: bytes missing (the push stays open) or a sha256 that does not
   * agree. INVALID_ARGUMENT: values that are not finite. NOT_FOUND: no such push.
   */
  CommitWeights: grpc.handleUnaryCall<_decorum_policy_v1_CommitWeightsRequest__Output, _decorum_policy_v1_CommitWeightsResponse>;
  
  /**
   * Completes a group of prompts; chunks of all sequences are interleaved.
   * INVALID_ARGUMENT: a prompt too long, a token id outside the vocabulary, bad sampling parameters.
   * NOT_FOUND: weights that are not held. RESOURCE_EXHAUSTED: the queue is full; retry after the pushback.
   */
  Generate: grpc.handleServerStreamingCall<_decorum_policy_v1_GenerateRequest__Output, _decorum_policy_v1_GenerateResponse>;
  
  /**
   * The model, its tokenizer and the limits of this server.
   */
  GetModelInfo: grpc.handleUnaryCall<_decorum_policy_v1_GetModelInfoRequest__Output, _decorum_policy_v1_GetModelInfoResponse>;
  
  /**
   * The weights that are held. NOT_FOUND: a run that pushed nothing, as far as this process knows.
   */
  GetVersion: grpc.handleUnaryCall<_decorum_policy_v1_GetVersionRequest__Output, _decorum_policy_v1_GetVersionResponse>;
  
  /**
   * Makes the version before the newest the newest again, and drops the newest. FAILED_PRECONDITION: none is
   * kept. ABORTED: the newest is not the expected one. NOT_FOUND: the run pushed nothing.
   */
  RollbackWeights: grpc.handleUnaryCall<_decorum_policy_v1_RollbackWeightsRequest__Output, _decorum_policy_v1_RollbackWeightsResponse>;
  
  /**
   * Sends the bytes of an open push; a second call continues where the first one ended. NOT_FOUND: no such push.
   * DATA_LOSS: a chunk's checksum does not agree. OUT_OF_RANGE: a chunk does not begin where the one before it
   * ended, or goes beyond the manifest's total_bytes. INVALID_ARGUMENT: a chunk above max_chunk_bytes.
   */
  UploadWeights: grpc.handleClientStreamingCall<_decorum_policy_v1_UploadWeightsRequest__Output, _decorum_policy_v1_UploadWeightsResponse>;
  
}

export interface PolicyServiceDefinition extends grpc.ServiceDefinition {
  AbortWeights: MethodDefinition<_decorum_policy_v1_AbortWeightsRequest, _decorum_policy_v1_AbortWeightsResponse, _decorum_policy_v1_AbortWeightsRequest__Output, _decorum_policy_v1_AbortWeightsResponse__Output>
  BeginWeights: MethodDefinition<_decorum_policy_v1_BeginWeightsRequest, _decorum_policy_v1_BeginWeightsResponse, _decorum_policy_v1_BeginWeightsRequest__Output, _decorum_policy_v1_BeginWeightsResponse__Output>
  CommitWeights: MethodDefinition<_decorum_policy_v1_CommitWeightsRequest, _decorum_policy_v1_CommitWeightsResponse, _decorum_policy_v1_CommitWeightsRequest__Output, _decorum_policy_v1_CommitWeightsResponse__Output>
  Generate: MethodDefinition<_decorum_policy_v1_GenerateRequest, _decorum_policy_v1_GenerateResponse, _decorum_policy_v1_GenerateRequest__Output, _decorum_policy_v1_GenerateResponse__Output>
  GetModelInfo: MethodDefinition<_decorum_policy_v1_GetModelInfoRequest, _decorum_policy_v1_GetModelInfoResponse, _decorum_policy_v1_GetModelInfoRequest__Output, _decorum_policy_v1_GetModelInfoResponse__Output>
  GetVersion: MethodDefinition<_decorum_policy_v1_GetVersionRequest, _decorum_policy_v1_GetVersionResponse, _decorum_policy_v1_GetVersionRequest__Output, _decorum_policy_v1_GetVersionResponse__Output>
  RollbackWeights: MethodDefinition<_decorum_policy_v1_RollbackWeightsRequest, _decorum_policy_v1_RollbackWeightsResponse, _decorum_policy_v1_RollbackWeightsRequest__Output, _decorum_policy_v1_RollbackWeightsResponse__Output>
  UploadWeights: MethodDefinition<_decorum_policy_v1_UploadWeightsRequest, _decorum_policy_v1_UploadWeightsResponse, _decorum_policy_v1_UploadWeightsRequest__Output, _decorum_policy_v1_UploadWeightsResponse__Output>
}
