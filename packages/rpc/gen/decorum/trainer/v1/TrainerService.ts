// Original file: protos/decorum/trainer/v1/trainer_service.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CheckpointRequest as _decorum_trainer_v1_CheckpointRequest, CheckpointRequest__Output as _decorum_trainer_v1_CheckpointRequest__Output } from '../../../decorum/trainer/v1/CheckpointRequest.ts';
import type { CheckpointResponse as _decorum_trainer_v1_CheckpointResponse, CheckpointResponse__Output as _decorum_trainer_v1_CheckpointResponse__Output } from '../../../decorum/trainer/v1/CheckpointResponse.ts';
import type { GetCurvesRequest as _decorum_trainer_v1_GetCurvesRequest, GetCurvesRequest__Output as _decorum_trainer_v1_GetCurvesRequest__Output } from '../../../decorum/trainer/v1/GetCurvesRequest.ts';
import type { GetCurvesResponse as _decorum_trainer_v1_GetCurvesResponse, GetCurvesResponse__Output as _decorum_trainer_v1_GetCurvesResponse__Output } from '../../../decorum/trainer/v1/GetCurvesResponse.ts';
import type { GetRunRequest as _decorum_trainer_v1_GetRunRequest, GetRunRequest__Output as _decorum_trainer_v1_GetRunRequest__Output } from '../../../decorum/trainer/v1/GetRunRequest.ts';
import type { GetRunResponse as _decorum_trainer_v1_GetRunResponse, GetRunResponse__Output as _decorum_trainer_v1_GetRunResponse__Output } from '../../../decorum/trainer/v1/GetRunResponse.ts';
import type { GetSamplesRequest as _decorum_trainer_v1_GetSamplesRequest, GetSamplesRequest__Output as _decorum_trainer_v1_GetSamplesRequest__Output } from '../../../decorum/trainer/v1/GetSamplesRequest.ts';
import type { GetSamplesResponse as _decorum_trainer_v1_GetSamplesResponse, GetSamplesResponse__Output as _decorum_trainer_v1_GetSamplesResponse__Output } from '../../../decorum/trainer/v1/GetSamplesResponse.ts';
import type { ListEvaluationsRequest as _decorum_trainer_v1_ListEvaluationsRequest, ListEvaluationsRequest__Output as _decorum_trainer_v1_ListEvaluationsRequest__Output } from '../../../decorum/trainer/v1/ListEvaluationsRequest.ts';
import type { ListEvaluationsResponse as _decorum_trainer_v1_ListEvaluationsResponse, ListEvaluationsResponse__Output as _decorum_trainer_v1_ListEvaluationsResponse__Output } from '../../../decorum/trainer/v1/ListEvaluationsResponse.ts';
import type { ListEventsRequest as _decorum_trainer_v1_ListEventsRequest, ListEventsRequest__Output as _decorum_trainer_v1_ListEventsRequest__Output } from '../../../decorum/trainer/v1/ListEventsRequest.ts';
import type { ListEventsResponse as _decorum_trainer_v1_ListEventsResponse, ListEventsResponse__Output as _decorum_trainer_v1_ListEventsResponse__Output } from '../../../decorum/trainer/v1/ListEventsResponse.ts';
import type { ListRunsRequest as _decorum_trainer_v1_ListRunsRequest, ListRunsRequest__Output as _decorum_trainer_v1_ListRunsRequest__Output } from '../../../decorum/trainer/v1/ListRunsRequest.ts';
import type { ListRunsResponse as _decorum_trainer_v1_ListRunsResponse, ListRunsResponse__Output as _decorum_trainer_v1_ListRunsResponse__Output } from '../../../decorum/trainer/v1/ListRunsResponse.ts';
import type { PauseRequest as _decorum_trainer_v1_PauseRequest, PauseRequest__Output as _decorum_trainer_v1_PauseRequest__Output } from '../../../decorum/trainer/v1/PauseRequest.ts';
import type { PauseResponse as _decorum_trainer_v1_PauseResponse, PauseResponse__Output as _decorum_trainer_v1_PauseResponse__Output } from '../../../decorum/trainer/v1/PauseResponse.ts';
import type { ResumeRequest as _decorum_trainer_v1_ResumeRequest, ResumeRequest__Output as _decorum_trainer_v1_ResumeRequest__Output } from '../../../decorum/trainer/v1/ResumeRequest.ts';
import type { ResumeResponse as _decorum_trainer_v1_ResumeResponse, ResumeResponse__Output as _decorum_trainer_v1_ResumeResponse__Output } from '../../../decorum/trainer/v1/ResumeResponse.ts';
import type { StartRunRequest as _decorum_trainer_v1_StartRunRequest, StartRunRequest__Output as _decorum_trainer_v1_StartRunRequest__Output } from '../../../decorum/trainer/v1/StartRunRequest.ts';
import type { StartRunResponse as _decorum_trainer_v1_StartRunResponse, StartRunResponse__Output as _decorum_trainer_v1_StartRunResponse__Output } from '../../../decorum/trainer/v1/StartRunResponse.ts';
import type { StopRequest as _decorum_trainer_v1_StopRequest, StopRequest__Output as _decorum_trainer_v1_StopRequest__Output } from '../../../decorum/trainer/v1/StopRequest.ts';
import type { StopResponse as _decorum_trainer_v1_StopResponse, StopResponse__Output as _decorum_trainer_v1_StopResponse__Output } from '../../../decorum/trainer/v1/StopResponse.ts';
import type { WatchMetricsRequest as _decorum_trainer_v1_WatchMetricsRequest, WatchMetricsRequest__Output as _decorum_trainer_v1_WatchMetricsRequest__Output } from '../../../decorum/trainer/v1/WatchMetricsRequest.ts';
import type { WatchMetricsResponse as _decorum_trainer_v1_WatchMetricsResponse, WatchMetricsResponse__Output as _decorum_trainer_v1_WatchMetricsResponse__Output } from '../../../decorum/trainer/v1/WatchMetricsResponse.ts';

/**
 * Trains policies by reinforcement learning: one run at a time, its state on disk, so that it outlives the process.
 */
export interface TrainerServiceClient extends grpc.Client {
  /**
   * Writes a checkpoint after the step in hand.
   */
  Checkpoint(argument: _decorum_trainer_v1_CheckpointRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_CheckpointResponse__Output>): grpc.ClientUnaryCall;
  Checkpoint(argument: _decorum_trainer_v1_CheckpointRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_trainer_v1_CheckpointResponse__Output>): grpc.ClientUnaryCall;
  Checkpoint(argument: _decorum_trainer_v1_CheckpointRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_CheckpointResponse__Output>): grpc.ClientUnaryCall;
  Checkpoint(argument: _decorum_trainer_v1_CheckpointRequest, callback: grpc.requestCallback<_decorum_trainer_v1_CheckpointResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Writes a checkpoint after the step in hand.
   */
  checkpoint(argument: _decorum_trainer_v1_CheckpointRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_CheckpointResponse__Output>): grpc.ClientUnaryCall;
  checkpoint(argument: _decorum_trainer_v1_CheckpointRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_trainer_v1_CheckpointResponse__Output>): grpc.ClientUnaryCall;
  checkpoint(argument: _decorum_trainer_v1_CheckpointRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_CheckpointResponse__Output>): grpc.ClientUnaryCall;
  checkpoint(argument: _decorum_trainer_v1_CheckpointRequest, callback: grpc.requestCallback<_decorum_trainer_v1_CheckpointResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Metrics of a run as curves, with as many steps in a point as it takes to have few points. NOT_FOUND: no run of that id.
   */
  GetCurves(argument: _decorum_trainer_v1_GetCurvesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_GetCurvesResponse__Output>): grpc.ClientUnaryCall;
  GetCurves(argument: _decorum_trainer_v1_GetCurvesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_trainer_v1_GetCurvesResponse__Output>): grpc.ClientUnaryCall;
  GetCurves(argument: _decorum_trainer_v1_GetCurvesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_GetCurvesResponse__Output>): grpc.ClientUnaryCall;
  GetCurves(argument: _decorum_trainer_v1_GetCurvesRequest, callback: grpc.requestCallback<_decorum_trainer_v1_GetCurvesResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Metrics of a run as curves, with as many steps in a point as it takes to have few points. NOT_FOUND: no run of that id.
   */
  getCurves(argument: _decorum_trainer_v1_GetCurvesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_GetCurvesResponse__Output>): grpc.ClientUnaryCall;
  getCurves(argument: _decorum_trainer_v1_GetCurvesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_trainer_v1_GetCurvesResponse__Output>): grpc.ClientUnaryCall;
  getCurves(argument: _decorum_trainer_v1_GetCurvesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_GetCurvesResponse__Output>): grpc.ClientUnaryCall;
  getCurves(argument: _decorum_trainer_v1_GetCurvesRequest, callback: grpc.requestCallback<_decorum_trainer_v1_GetCurvesResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * One run. NOT_FOUND: no run of that id.
   */
  GetRun(argument: _decorum_trainer_v1_GetRunRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_GetRunResponse__Output>): grpc.ClientUnaryCall;
  GetRun(argument: _decorum_trainer_v1_GetRunRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_trainer_v1_GetRunResponse__Output>): grpc.ClientUnaryCall;
  GetRun(argument: _decorum_trainer_v1_GetRunRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_GetRunResponse__Output>): grpc.ClientUnaryCall;
  GetRun(argument: _decorum_trainer_v1_GetRunRequest, callback: grpc.requestCallback<_decorum_trainer_v1_GetRunResponse__Output>): grpc.ClientUnaryCall;
  /**
   * One run. NOT_FOUND: no run of that id.
   */
  getRun(argument: _decorum_trainer_v1_GetRunRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_GetRunResponse__Output>): grpc.ClientUnaryCall;
  getRun(argument: _decorum_trainer_v1_GetRunRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_trainer_v1_GetRunResponse__Output>): grpc.ClientUnaryCall;
  getRun(argument: _decorum_trainer_v1_GetRunRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_GetRunResponse__Output>): grpc.ClientUnaryCall;
  getRun(argument: _decorum_trainer_v1_GetRunRequest, callback: grpc.requestCallback<_decorum_trainer_v1_GetRunResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Samples of one step. NOT_FOUND: no run of that id.
   */
  GetSamples(argument: _decorum_trainer_v1_GetSamplesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_GetSamplesResponse__Output>): grpc.ClientUnaryCall;
  GetSamples(argument: _decorum_trainer_v1_GetSamplesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_trainer_v1_GetSamplesResponse__Output>): grpc.ClientUnaryCall;
  GetSamples(argument: _decorum_trainer_v1_GetSamplesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_GetSamplesResponse__Output>): grpc.ClientUnaryCall;
  GetSamples(argument: _decorum_trainer_v1_GetSamplesRequest, callback: grpc.requestCallback<_decorum_trainer_v1_GetSamplesResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Samples of one step. NOT_FOUND: no run of that id.
   */
  getSamples(argument: _decorum_trainer_v1_GetSamplesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_GetSamplesResponse__Output>): grpc.ClientUnaryCall;
  getSamples(argument: _decorum_trainer_v1_GetSamplesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_trainer_v1_GetSamplesResponse__Output>): grpc.ClientUnaryCall;
  getSamples(argument: _decorum_trainer_v1_GetSamplesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_GetSamplesResponse__Output>): grpc.ClientUnaryCall;
  getSamples(argument: _decorum_trainer_v1_GetSamplesRequest, callback: grpc.requestCallback<_decorum_trainer_v1_GetSamplesResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Evaluations of a run in the order of their steps. NOT_FOUND: no run of that id.
   */
  ListEvaluations(argument: _decorum_trainer_v1_ListEvaluationsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_ListEvaluationsResponse__Output>): grpc.ClientUnaryCall;
  ListEvaluations(argument: _decorum_trainer_v1_ListEvaluationsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_trainer_v1_ListEvaluationsResponse__Output>): grpc.ClientUnaryCall;
  ListEvaluations(argument: _decorum_trainer_v1_ListEvaluationsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_ListEvaluationsResponse__Output>): grpc.ClientUnaryCall;
  ListEvaluations(argument: _decorum_trainer_v1_ListEvaluationsRequest, callback: grpc.requestCallback<_decorum_trainer_v1_ListEvaluationsResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Evaluations of a run in the order of their steps. NOT_FOUND: no run of that id.
   */
  listEvaluations(argument: _decorum_trainer_v1_ListEvaluationsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_ListEvaluationsResponse__Output>): grpc.ClientUnaryCall;
  listEvaluations(argument: _decorum_trainer_v1_ListEvaluationsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_trainer_v1_ListEvaluationsResponse__Output>): grpc.ClientUnaryCall;
  listEvaluations(argument: _decorum_trainer_v1_ListEvaluationsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_ListEvaluationsResponse__Output>): grpc.ClientUnaryCall;
  listEvaluations(argument: _decorum_trainer_v1_ListEvaluationsRequest, callback: grpc.requestCallback<_decorum_trainer_v1_ListEvaluationsResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * What happened in a run, in order. NOT_FOUND: no run of that id.
   */
  ListEvents(argument: _decorum_trainer_v1_ListEventsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_ListEventsResponse__Output>): grpc.ClientUnaryCall;
  ListEvents(argument: _decorum_trainer_v1_ListEventsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_trainer_v1_ListEventsResponse__Output>): grpc.ClientUnaryCall;
  ListEvents(argument: _decorum_trainer_v1_ListEventsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_ListEventsResponse__Output>): grpc.ClientUnaryCall;
  ListEvents(argument: _decorum_trainer_v1_ListEventsRequest, callback: grpc.requestCallback<_decorum_trainer_v1_ListEventsResponse__Output>): grpc.ClientUnaryCall;
  /**
   * What happened in a run, in order. NOT_FOUND: no run of that id.
   */
  listEvents(argument: _decorum_trainer_v1_ListEventsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_ListEventsResponse__Output>): grpc.ClientUnaryCall;
  listEvents(argument: _decorum_trainer_v1_ListEventsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_trainer_v1_ListEventsResponse__Output>): grpc.ClientUnaryCall;
  listEvents(argument: _decorum_trainer_v1_ListEventsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_ListEventsResponse__Output>): grpc.ClientUnaryCall;
  listEvents(argument: _decorum_trainer_v1_ListEventsRequest, callback: grpc.requestCallback<_decorum_trainer_v1_ListEventsResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Runs, newest first.
   */
  ListRuns(argument: _decorum_trainer_v1_ListRunsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_ListRunsResponse__Output>): grpc.ClientUnaryCall;
  ListRuns(argument: _decorum_trainer_v1_ListRunsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_trainer_v1_ListRunsResponse__Output>): grpc.ClientUnaryCall;
  ListRuns(argument: _decorum_trainer_v1_ListRunsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_ListRunsResponse__Output>): grpc.ClientUnaryCall;
  ListRuns(argument: _decorum_trainer_v1_ListRunsRequest, callback: grpc.requestCallback<_decorum_trainer_v1_ListRunsResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Runs, newest first.
   */
  listRuns(argument: _decorum_trainer_v1_ListRunsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_ListRunsResponse__Output>): grpc.ClientUnaryCall;
  listRuns(argument: _decorum_trainer_v1_ListRunsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_trainer_v1_ListRunsResponse__Output>): grpc.ClientUnaryCall;
  listRuns(argument: _decorum_trainer_v1_ListRunsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_ListRunsResponse__Output>): grpc.ClientUnaryCall;
  listRuns(argument: _decorum_trainer_v1_ListRunsRequest, callback: grpc.requestCallback<_decorum_trainer_v1_ListRunsResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Stops after the step in hand and waits. FAILED_PRECONDITION: the run is not running.
   */
  Pause(argument: _decorum_trainer_v1_PauseRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_PauseResponse__Output>): grpc.ClientUnaryCall;
  Pause(argument: _decorum_trainer_v1_PauseRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_trainer_v1_PauseResponse__Output>): grpc.ClientUnaryCall;
  Pause(argument: _decorum_trainer_v1_PauseRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_PauseResponse__Output>): grpc.ClientUnaryCall;
  Pause(argument: _decorum_trainer_v1_PauseRequest, callback: grpc.requestCallback<_decorum_trainer_v1_PauseResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Stops after the step in hand and waits. FAILED_PRECONDITION: the run is not running.
   */
  pause(argument: _decorum_trainer_v1_PauseRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_PauseResponse__Output>): grpc.ClientUnaryCall;
  pause(argument: _decorum_trainer_v1_PauseRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_trainer_v1_PauseResponse__Output>): grpc.ClientUnaryCall;
  pause(argument: _decorum_trainer_v1_PauseRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_PauseResponse__Output>): grpc.ClientUnaryCall;
  pause(argument: _decorum_trainer_v1_PauseRequest, callback: grpc.requestCallback<_decorum_trainer_v1_PauseResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Continues a paused run. FAILED_PRECONDITION: the run is not paused.
   */
  Resume(argument: _decorum_trainer_v1_ResumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_ResumeResponse__Output>): grpc.ClientUnaryCall;
  Resume(argument: _decorum_trainer_v1_ResumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_trainer_v1_ResumeResponse__Output>): grpc.ClientUnaryCall;
  Resume(argument: _decorum_trainer_v1_ResumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_ResumeResponse__Output>): grpc.ClientUnaryCall;
  Resume(argument: _decorum_trainer_v1_ResumeRequest, callback: grpc.requestCallback<_decorum_trainer_v1_ResumeResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Continues a paused run. FAILED_PRECONDITION: the run is not paused.
   */
  resume(argument: _decorum_trainer_v1_ResumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_ResumeResponse__Output>): grpc.ClientUnaryCall;
  resume(argument: _decorum_trainer_v1_ResumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_trainer_v1_ResumeResponse__Output>): grpc.ClientUnaryCall;
  resume(argument: _decorum_trainer_v1_ResumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_ResumeResponse__Output>): grpc.ClientUnaryCall;
  resume(argument: _decorum_trainer_v1_ResumeRequest, callback: grpc.requestCallback<_decorum_trainer_v1_ResumeResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Starts a run, or resumes one from its last checkpoint. ALREADY_EXISTS: a run of that id and no `resume`.
   * FAILED_PRECONDITION: another run is active, or another trainer holds this one.
   * INVALID_ARGUMENT: the configuration, all faults at once.
   */
  StartRun(argument: _decorum_trainer_v1_StartRunRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_StartRunResponse__Output>): grpc.ClientUnaryCall;
  StartRun(argument: _decorum_trainer_v1_StartRunRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_trainer_v1_StartRunResponse__Output>): grpc.ClientUnaryCall;
  StartRun(argument: _decorum_trainer_v1_StartRunRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_StartRunResponse__Output>): grpc.ClientUnaryCall;
  StartRun(argument: _decorum_trainer_v1_StartRunRequest, callback: grpc.requestCallback<_decorum_trainer_v1_StartRunResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Starts a run, or resumes one from its last checkpoint. ALREADY_EXISTS: a run of that id and no `resume`.
   * FAILED_PRECONDITION: another run is active, or another trainer holds this one.
   * INVALID_ARGUMENT: the configuration, all faults at once.
   */
  startRun(argument: _decorum_trainer_v1_StartRunRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_StartRunResponse__Output>): grpc.ClientUnaryCall;
  startRun(argument: _decorum_trainer_v1_StartRunRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_trainer_v1_StartRunResponse__Output>): grpc.ClientUnaryCall;
  startRun(argument: _decorum_trainer_v1_StartRunRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_StartRunResponse__Output>): grpc.ClientUnaryCall;
  startRun(argument: _decorum_trainer_v1_StartRunRequest, callback: grpc.requestCallback<_decorum_trainer_v1_StartRunResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Ends a run after the step in hand.
   */
  Stop(argument: _decorum_trainer_v1_StopRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_StopResponse__Output>): grpc.ClientUnaryCall;
  Stop(argument: _decorum_trainer_v1_StopRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_trainer_v1_StopResponse__Output>): grpc.ClientUnaryCall;
  Stop(argument: _decorum_trainer_v1_StopRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_StopResponse__Output>): grpc.ClientUnaryCall;
  Stop(argument: _decorum_trainer_v1_StopRequest, callback: grpc.requestCallback<_decorum_trainer_v1_StopResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Ends a run after the step in hand.
   */
  stop(argument: _decorum_trainer_v1_StopRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_StopResponse__Output>): grpc.ClientUnaryCall;
  stop(argument: _decorum_trainer_v1_StopRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_decorum_trainer_v1_StopResponse__Output>): grpc.ClientUnaryCall;
  stop(argument: _decorum_trainer_v1_StopRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_decorum_trainer_v1_StopResponse__Output>): grpc.ClientUnaryCall;
  stop(argument: _decorum_trainer_v1_StopRequest, callback: grpc.requestCallback<_decorum_trainer_v1_StopResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Metrics of every step: those on record, then those to come, until the run ends.
   */
  WatchMetrics(argument: _decorum_trainer_v1_WatchMetricsRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_decorum_trainer_v1_WatchMetricsResponse__Output>;
  WatchMetrics(argument: _decorum_trainer_v1_WatchMetricsRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_decorum_trainer_v1_WatchMetricsResponse__Output>;
  /**
   * Metrics of every step: those on record, then those to come, until the run ends.
   */
  watchMetrics(argument: _decorum_trainer_v1_WatchMetricsRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_decorum_trainer_v1_WatchMetricsResponse__Output>;
  watchMetrics(argument: _decorum_trainer_v1_WatchMetricsRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_decorum_trainer_v1_WatchMetricsResponse__Output>;
  
}

/**
 * Trains policies by reinforcement learning: one run at a time, its state on disk, so that it outlives the process.
 */
export interface TrainerServiceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * Writes a checkpoint after the step in hand.
   */
  Checkpoint: grpc.handleUnaryCall<_decorum_trainer_v1_CheckpointRequest__Output, _decorum_trainer_v1_CheckpointResponse>;
  
  /**
   * Metrics of a run as curves, with as many steps in a point as it takes to have few points. NOT_FOUND: no run of that id.
   */
  GetCurves: grpc.handleUnaryCall<_decorum_trainer_v1_GetCurvesRequest__Output, _decorum_trainer_v1_GetCurvesResponse>;
  
  /**
   * One run. NOT_FOUND: no run of that id.
   */
  GetRun: grpc.handleUnaryCall<_decorum_trainer_v1_GetRunRequest__Output, _decorum_trainer_v1_GetRunResponse>;
  
  /**
   * Samples of one step. NOT_FOUND: no run of that id.
   */
  GetSamples: grpc.handleUnaryCall<_decorum_trainer_v1_GetSamplesRequest__Output, _decorum_trainer_v1_GetSamplesResponse>;
  
  /**
   * Evaluations of a run in the order of their steps. NOT_FOUND: no run of that id.
   */
  ListEvaluations: grpc.handleUnaryCall<_decorum_trainer_v1_ListEvaluationsRequest__Output, _decorum_trainer_v1_ListEvaluationsResponse>;
  
  /**
   * What happened in a run, in order. NOT_FOUND: no run of that id.
   */
  ListEvents: grpc.handleUnaryCall<_decorum_trainer_v1_ListEventsRequest__Output, _decorum_trainer_v1_ListEventsResponse>;
  
  /**
   * Runs, newest first.
   */
  ListRuns: grpc.handleUnaryCall<_decorum_trainer_v1_ListRunsRequest__Output, _decorum_trainer_v1_ListRunsResponse>;
  
  /**
   * Stops after the step in hand and waits. FAILED_PRECONDITION: the run is not running.
   */
  Pause: grpc.handleUnaryCall<_decorum_trainer_v1_PauseRequest__Output, _decorum_trainer_v1_PauseResponse>;
  
  /**
   * Continues a paused run. FAILED_PRECONDITION: the run is not paused.
   */
  Resume: grpc.handleUnaryCall<_decorum_trainer_v1_ResumeRequest__Output, _decorum_trainer_v1_ResumeResponse>;
  
  /**
   * Starts a run, or resumes one from its last checkpoint. ALREADY_EXISTS: a run of that id and no `resume`.
   * FAILED_PRECONDITION: another run is active, or another trainer holds this one.
   * INVALID_ARGUMENT: the configuration, all faults at once.
   */
  StartRun: grpc.handleUnaryCall<_decorum_trainer_v1_StartRunRequest__Output, _decorum_trainer_v1_StartRunResponse>;
  
  /**
   * Ends a run after the step in hand.
   */
  Stop: grpc.handleUnaryCall<_decorum_trainer_v1_StopRequest__Output, _decorum_trainer_v1_StopResponse>;
  
  /**
   * Metrics of every step: those on record, then those to come, until the run ends.
   */
  WatchMetrics: grpc.handleServerStreamingCall<_decorum_trainer_v1_WatchMetricsRequest__Output, _decorum_trainer_v1_WatchMetricsResponse>;
  
}

export interface TrainerServiceDefinition extends grpc.ServiceDefinition {
  Checkpoint: MethodDefinition<_decorum_trainer_v1_CheckpointRequest, _decorum_trainer_v1_CheckpointResponse, _decorum_trainer_v1_CheckpointRequest__Output, _decorum_trainer_v1_CheckpointResponse__Output>
  GetCurves: MethodDefinition<_decorum_trainer_v1_GetCurvesRequest, _decorum_trainer_v1_GetCurvesResponse, _decorum_trainer_v1_GetCurvesRequest__Output, _decorum_trainer_v1_GetCurvesResponse__Output>
  GetRun: MethodDefinition<_decorum_trainer_v1_GetRunRequest, _decorum_trainer_v1_GetRunResponse, _decorum_trainer_v1_GetRunRequest__Output, _decorum_trainer_v1_GetRunResponse__Output>
  GetSamples: MethodDefinition<_decorum_trainer_v1_GetSamplesRequest, _decorum_trainer_v1_GetSamplesResponse, _decorum_trainer_v1_GetSamplesRequest__Output, _decorum_trainer_v1_GetSamplesResponse__Output>
  ListEvaluations: MethodDefinition<_decorum_trainer_v1_ListEvaluationsRequest, _decorum_trainer_v1_ListEvaluationsResponse, _decorum_trainer_v1_ListEvaluationsRequest__Output, _decorum_trainer_v1_ListEvaluationsResponse__Output>
  ListEvents: MethodDefinition<_decorum_trainer_v1_ListEventsRequest, _decorum_trainer_v1_ListEventsResponse, _decorum_trainer_v1_ListEventsRequest__Output, _decorum_trainer_v1_ListEventsResponse__Output>
  ListRuns: MethodDefinition<_decorum_trainer_v1_ListRunsRequest, _decorum_trainer_v1_ListRunsResponse, _decorum_trainer_v1_ListRunsRequest__Output, _decorum_trainer_v1_ListRunsResponse__Output>
  Pause: MethodDefinition<_decorum_trainer_v1_PauseRequest, _decorum_trainer_v1_PauseResponse, _decorum_trainer_v1_PauseRequest__Output, _decorum_trainer_v1_PauseResponse__Output>
  Resume: MethodDefinition<_decorum_trainer_v1_ResumeRequest, _decorum_trainer_v1_ResumeResponse, _decorum_trainer_v1_ResumeRequest__Output, _decorum_trainer_v1_ResumeResponse__Output>
  StartRun: MethodDefinition<_decorum_trainer_v1_StartRunRequest, _decorum_trainer_v1_StartRunResponse, _decorum_trainer_v1_StartRunRequest__Output, _decorum_trainer_v1_StartRunResponse__Output>
  Stop: MethodDefinition<_decorum_trainer_v1_StopRequest, _decorum_trainer_v1_StopResponse, _decorum_trainer_v1_StopRequest__Output, _decorum_trainer_v1_StopResponse__Output>
  WatchMetrics: MethodDefinition<_decorum_trainer_v1_WatchMetricsRequest, _decorum_trainer_v1_WatchMetricsResponse, _decorum_trainer_v1_WatchMetricsRequest__Output, _decorum_trainer_v1_WatchMetricsResponse__Output>
}
