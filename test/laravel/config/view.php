<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

return ['paths' => [], 'compiled' => storage_path('framework/views')];
