<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

return ['defaults' => ['guard' => 'web', 'passwords' => 'users'], 'guards' => [], 'providers' => [], 'passwords' => []];
